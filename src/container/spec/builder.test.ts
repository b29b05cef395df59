import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { exampleConfig, withSecurity } from "./testing/example.ts";
import { noOciRun } from "./testing/oci-run.ts";
import { type PodRun, startPodRun } from "./testing/pod-run.ts";

for (const runtime of ["runc", "crun"]) {
  describe(`containers run by ${runtime}: their process`, { skip: noOciRun(runtime) ?? false }, () => {
    let host: PodRun;

    before(async () => {
      host = await startPodRun(runtime);
    });
    after(() => host[Symbol.asyncDispose]());

    it("runs in the pod's namespaces, with its files, its own processes and the default devices", async () => {
      const script =
        "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf; echo $$; pwd; echo $PATH; echo $HOSTNAME;" +
        "echo x >/dev/null && head -c 1 /dev/zero | wc -c; ls /sys/class/net; touch /dev/shm/here; ulimit -n";
      const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
      symlinkSync("busybox", join(host.rootfs, "bin/wc"));
      await host.says(
        script,
        `pod-host\npod-host\n127.0.0.1 localhost\nnameserver 192.0.2.1\n1\n/\n${path}\npod-host\n1\nlo\n1024`,
      );
      assert.deepEqual(readdirSync(host.at("shm")), ["here"]);
    });

    it("runs as another user with the groups of the image and those asked for, without capabilities", async () => {
      const config = withSecurity({ runAsUser: 1000, supplementalGroups: [1234] });
      await host.says(
        "id -u; id -g; id -G; grep -E 'Cap(Prm|Eff|Amb)' /proc/self/status",
        "1000\n1000\n1000 1234 50000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000",
        config,
      );
      const strict = withSecurity({
        runAsUsername: "app",
        supplementalGroups: [1234],
        supplementalGroupsPolicy: "strict",
      });
      await host.says("id -G", "1000 1234", strict);
    });

    it("gives the capabilities asked for, ambient ones to other users too", async () => {
      const caps = "grep -E 'Cap(Bnd|Eff|Amb)' /proc/self/status";
      const none = { add: [], drop: ["ALL"], addAmbient: [] };
      const line = (name: string, bits: number) => `Cap${name}:\t${bits.toString(16).padStart(16, "0")}`;
      const lines = (eff: number, bnd: number, amb: number) =>
        [line("Eff", eff), line("Bnd", bnd), line("Amb", amb)].join("\n");
      await host.says(caps, lines(0, 0, 0), withSecurity({ capabilities: none }));
      const netAdmin = 1 << 12;
      const added = { ...none, add: ["NET_ADMIN"] };
      await host.says(caps, lines(netAdmin, netAdmin, 0), withSecurity({ capabilities: added }));
      const ambient = { ...none, addAmbient: ["CAP_NET_ADMIN"] };
      const config = withSecurity({ capabilities: ambient, runAsUser: 1000 });
      await host.says(caps, lines(netAdmin, netAdmin, netAdmin), config);
    });

    it("keeps the root read-only, masks paths and makes others read-only", async () => {
      writeFileSync(join(host.rootfs, "secret"), "secret\n");
      mkdirSync(join(host.rootfs, "hidden/child"), { recursive: true });
      const paths = { maskedPaths: ["/secret", "/hidden", "/nowhere"], readonlyPaths: ["/proc/sys"] };
      const script = (path: string) => `(echo 0 >${path}) 2>&1 | grep -c 'Read-only file system'`;
      const config = withSecurity({ ...paths, readonlyRootfs: true });
      await host.says(
        `${script("/new")}; ${script("/etc/hosts")}; ${script("/proc/sys/kernel/panic")}; cat /secret; ls /hidden; :`,
        "1\n1\n1",
        config,
      );
      await host.says(
        "echo x >/new && cat /secret && ls /hidden",
        "child",
        withSecurity({ maskedPaths: ["/secret"] }),
      );
    });

    it("makes a missing working directory and uses it", async () => {
      await host.says("pwd", "/made/for/this", { ...exampleConfig, workingDir: "/made/for/this" });
    });

    it("can't gain privileges when told so", async () => {
      await host.says(
        "grep NoNewPrivs /proc/self/status",
        "NoNewPrivs:\t1",
        withSecurity({ noNewPrivs: true }),
      );
      await host.says("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0");
    });

    it("has a terminal when asked for", async () => {
      const { code, output } = await host.sh("tty; echo $TERM", { ...exampleConfig, tty: true });
      assert.equal(code, 0);
      assert.match(output, /\/dev\/pts\/0\r\nxterm\r\n$/);
    });

    it("filters system calls by the default profile, a profile of the node, or not at all", async () => {
      const mode = "grep Seccomp: /proc/self/status";
      await host.says(mode, "Seccomp:\t0");
      await host.says(mode, "Seccomp:\t0", withSecurity({ seccomp: { kind: "unconfined" } }));
      await host.says(mode, "Seccomp:\t2", withSecurity({ seccomp: { kind: "runtimeDefault" } }));
      const path = host.at("no-chmod.json");
      const rules = [{ names: ["chmod", "fchmodat", "fchmodat2"], action: "SCMP_ACT_ERRNO" }];
      writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules }));
      const { code, output } = await host.sh(
        "chmod 400 /tmp",
        withSecurity({ seccomp: { kind: "localhost", ref: path } }),
      );
      assert.equal(code, 1);
      assert.match(output, /Operation not permitted/);
    });
  });
}
