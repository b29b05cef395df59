import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { hostMounts } from "../../linux/mounts.ts";
import { hostNamespaces } from "../../linux/namespaces.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ContainerPod } from "../pod.ts";
import type { ContainerRecord } from "../state.ts";
import { createSpecBuilder, type SpecParts } from "./builder.ts";
import { readHostFacts } from "./host.ts";
import {
  exampleConfig,
  exampleImage,
  exampleMount,
  examplePod,
  exampleSecurity,
  withSecurity,
} from "./testing/example.ts";
import { noOciRun, type OciRun, type OciRunResult, prepareOciRun } from "./testing/oci-run.ts";

const isV2 = readdirSync("/sys/fs/cgroup").includes("cgroup.controllers");
const cgroups = {
  version: isV2 ? 2 : 1,
  directories: () =>
    new Map(
      isV2
        ? [["", "/sys/fs/cgroup"]]
        : readdirSync("/sys/fs/cgroup")
            .filter((name) => name !== "unified")
            .map((name) => [name, `/sys/fs/cgroup/${name}`]),
    ),
} as const;

for (const runtime of ["runc", "crun"]) {
  describe(`containers run by ${runtime}`, { skip: noOciRun(runtime) ?? false }, () => {
    const mounts = hostMounts();
    const namespaces = hostNamespaces(mounts, { idleMs: 1000 });
    const facts = readHostFacts(cgroups);
    let host: OciRun;
    let pod: ContainerPod;
    let count = 0;
    const at = (...path: string[]) => join(host.directory, ...path);

    before(async () => {
      host = prepareOciRun(runtime);
      mkdirSync(at("shm"));
      writeFileSync(at("hostname"), "pod-host\n");
      writeFileSync(at("hosts"), "127.0.0.1 localhost\n");
      writeFileSync(at("resolv.conf"), "nameserver 192.0.2.1\n");
      const directory = at("ns");
      await namespaces.pin({ directory, kinds: ["net", "ipc", "uts"], hostname: "pod-host", sysctls: {} });
      pod = {
        ...examplePod,
        refuses: undefined,
        handler: runtime,
        monitorCgroup: "",
        namespaces: {
          network: join(directory, "net"),
          ipc: join(directory, "ipc"),
          uts: join(directory, "uts"),
        },
        files: {
          hostname: at("hostname"),
          hosts: at("hosts"),
          resolvConf: at("resolv.conf"),
          shm: at("shm"),
        },
        cgroup: host.cgroup,
      };
    });
    after(async () => {
      await namespaces.unpin(at("ns"));
      await namespaces[Symbol.asyncDispose]();
      host[Symbol.dispose]();
    });

    const build = async (
      config: ContainerConfig,
      inPod = pod,
      features = { recursiveReadOnly: runtime === "crun", idmappedMounts: false },
    ): Promise<OciConfig> => {
      const parts: SpecParts = {
        config: {
          container: {
            rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 1_048_576 }],
            capabilities: [
              "CAP_CHOWN",
              "CAP_DAC_OVERRIDE",
              "CAP_SETUID",
              "CAP_SETGID",
              "CAP_NET_RAW",
              "CAP_MKNOD",
              "CAP_SYS_CHROOT",
            ],
            pidsLimit: 100,
            shmSize: 1 << 26,
            seccompProfile: "/usr/share/containers/seccomp.json",
            logLineMax: 1 << 14,
            execOutputMax: 1 << 24,
          },
          cgroup: { driver: "cgroupfs", parent: "" },
          runtime: { default: runtime, handlers: {}, conmon: "", path: "" },
        },
        host: await facts,
        features: () => features,
        initOf: () => process.pid,
      };
      const id = (++count).toString(16).padStart(64, "0") as ContainerId;
      const record = { id, config, handler: runtime } as ContainerRecord;
      const image = { ...exampleImage, config: { ...exampleImage.config, Entrypoint: [], Cmd: [] } };
      return (await createSpecBuilder(parts).build({ record, pod: inPod, image, rootfs: host.rootfs }))
        .config;
    };
    const sh = async (
      script: string,
      config: ContainerConfig = exampleConfig,
      inPod = pod,
    ): Promise<OciRunResult> =>
      host.run(await build({ ...config, command: ["sh", "-c", script] }, inPod), `${runtime}-${++count}`);
    const says = async (script: string, expected: string, config?: ContainerConfig, inPod?: ContainerPod) => {
      const { code, output } = await sh(script, config, inPod);
      assert.deepEqual({ code, output: output.trim().replaceAll("\r", "") }, { code: 0, output: expected });
    };
    const privilegedPod = () => ({
      ...pod,
      config: { ...pod.config, security: { ...pod.config.security, privileged: true } },
    });

    it("runs in the pod's namespaces, with its files, its own processes and the default devices", async () => {
      const script =
        "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf; echo $$; pwd; echo $PATH; echo $HOSTNAME;" +
        "echo x >/dev/null && head -c 1 /dev/zero | wc -c; ls /sys/class/net; touch /dev/shm/here; ulimit -n";
      const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
      symlinkSync("busybox", join(host.rootfs, "bin/wc"));
      await says(
        script,
        `pod-host\npod-host\n127.0.0.1 localhost\nnameserver 192.0.2.1\n1\n/\n${path}\npod-host\n1\nlo\n1024`,
      );
      assert.deepEqual(readdirSync(at("shm")), ["here"]);
    });

    it("runs as another user with the groups of the image and those asked for, without capabilities", async () => {
      const config = withSecurity({ runAsUser: 1000, supplementalGroups: [1234] });
      await says(
        "id -u; id -g; id -G; grep -E 'Cap(Prm|Eff|Amb)' /proc/self/status",
        "1000\n1000\n1000 1234 50000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000",
        config,
      );
      const strict = withSecurity({
        runAsUsername: "app",
        supplementalGroups: [1234],
        supplementalGroupsPolicy: "strict",
      });
      await says("id -G", "1000 1234", strict);
    });

    it("gives the capabilities asked for, ambient ones to other users too", async () => {
      const caps = "grep -E 'Cap(Bnd|Eff|Amb)' /proc/self/status";
      const none = { add: [], drop: ["ALL"], addAmbient: [] };
      const line = (name: string, bits: number) => `Cap${name}:\t${bits.toString(16).padStart(16, "0")}`;
      const lines = (eff: number, bnd: number, amb: number) =>
        [line("Eff", eff), line("Bnd", bnd), line("Amb", amb)].join("\n");
      await says(caps, lines(0, 0, 0), withSecurity({ capabilities: none }));
      const netAdmin = 1 << 12;
      const added = { ...none, add: ["NET_ADMIN"] };
      await says(caps, lines(netAdmin, netAdmin, 0), withSecurity({ capabilities: added }));
      const ambient = { ...none, addAmbient: ["CAP_NET_ADMIN"] };
      const config = withSecurity({ capabilities: ambient, runAsUser: 1000 });
      await says(caps, lines(netAdmin, netAdmin, netAdmin), config);
    });

    it("keeps the root read-only, masks paths and makes others read-only", async () => {
      writeFileSync(join(host.rootfs, "secret"), "secret\n");
      mkdirSync(join(host.rootfs, "hidden/child"), { recursive: true });
      const paths = { maskedPaths: ["/secret", "/hidden", "/nowhere"], readonlyPaths: ["/proc/sys"] };
      const script = (path: string) => `(echo 0 >${path}) 2>&1 | grep -c 'Read-only file system'`;
      const config = withSecurity({ ...paths, readonlyRootfs: true });
      await says(
        `${script("/new")}; ${script("/etc/hosts")}; ${script("/proc/sys/kernel/panic")}; cat /secret; ls /hidden; :`,
        "1\n1\n1",
        config,
      );
      await says(
        "echo x >/new && cat /secret && ls /hidden",
        "child",
        withSecurity({ maskedPaths: ["/secret"] }),
      );
    });

    it("makes a missing working directory and uses it", async () => {
      await says("pwd", "/made/for/this", { ...exampleConfig, workingDir: "/made/for/this" });
    });

    it("can't gain privileges when told so", async () => {
      await says("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1", withSecurity({ noNewPrivs: true }));
      await says("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0");
    });

    it("has a terminal when asked for", async () => {
      const { code, output } = await sh("tty; echo $TERM", { ...exampleConfig, tty: true });
      assert.equal(code, 0);
      assert.match(output, /\/dev\/pts\/0\r\nxterm\r\n$/);
    });

    it("filters system calls by the default profile, a profile of the node, or not at all", async () => {
      const mode = "grep Seccomp: /proc/self/status";
      await says(mode, "Seccomp:\t0");
      await says(mode, "Seccomp:\t0", withSecurity({ seccomp: { kind: "unconfined" } }));
      await says(mode, "Seccomp:\t2", withSecurity({ seccomp: { kind: "runtimeDefault" } }));
      const path = at("no-chmod.json");
      const rules = [{ names: ["chmod", "fchmodat", "fchmodat2"], action: "SCMP_ACT_ERRNO" }];
      writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules }));
      const { code, output } = await sh(
        "chmod 400 /tmp",
        withSecurity({ seccomp: { kind: "localhost", ref: path } }),
      );
      assert.equal(code, 1);
      assert.match(output, /Operation not permitted/);
    });

    it("mounts directories, files and missing ones, read-only or not, in order of depth", async () => {
      mkdirSync(at("data/sub"), { recursive: true });
      writeFileSync(at("file"), "a file\n");
      symlinkSync(at("data"), at("link-to-data"));
      const mount = (containerPath: string, hostPath: string, readonly = false) => ({
        ...exampleMount,
        containerPath,
        hostPath,
        readonly,
      });
      const mounts = [
        mount("/data/sub/deep.txt", at("file"), true),
        mount("/data", at("link-to-data")),
        mount("/made", at("was/missing")),
        mount("/etc/hosts", at("file")),
        mount("/dev/termination-log", at("file")),
      ];
      const script =
        "cat /data/sub/deep.txt /etc/hosts; touch /data/w && echo no >/data/sub/deep.txt; ls -A /made; echo bye >/dev/termination-log";
      const { output } = await sh(script, { ...exampleConfig, mounts });
      assert.match(output, /^a file\na file\n.*deep\.txt: Read-only file system\n$/s);
      assert.equal(readFileSync(at("file"), "utf8"), "bye\n");
      assert.deepEqual(readdirSync(at("data")).toSorted(), ["sub", "w"]);
      assert.deepEqual(readdirSync(at("was")), ["missing"]);
    });

    it("keeps a mount whose destination is a link of the image within the root", async () => {
      mkdirSync(at("data"), { recursive: true });
      symlinkSync("/../../../../../../../../tmp", join(host.rootfs, "escape"));
      writeFileSync(at("file"), "a file\n");
      const mounts = [{ ...exampleMount, containerPath: "/escape/berth-landed", hostPath: at("file") }];
      await says("cat /tmp/berth-landed", "a file", { ...exampleConfig, mounts });
      assert.ok(readdirSync(join(host.rootfs, "tmp")).includes("berth-landed"));
    });

    it("makes mounts below a mount read-only too, when asked and able", {
      skip: runtime === "crun" ? false : `${runtime} here can't`,
    }, async () => {
      mkdirSync(at("tree/below"), { recursive: true });
      await mounts.mount("berth-test", at("tree/below"), "tmpfs", ["size=1m"]);
      try {
        const tree = { ...exampleMount, containerPath: "/tree", hostPath: at("tree"), readonly: true };
        await says("touch /tree/below/x && echo wrote", "wrote", { ...exampleConfig, mounts: [tree] });
        const { output } = await sh("touch /tree/below/y", {
          ...exampleConfig,
          mounts: [{ ...tree, recursiveReadOnly: true }],
        });
        assert.match(output, /Read-only file system/);
      } finally {
        await mounts.unmount(at("tree/below"));
      }
    });

    it("spreads mounts from the node when asked, and says what is missing when it can't", async () => {
      mkdirSync(at("spread"));
      await mounts.mount("berth-test", at("spread"), "tmpfs", ["size=1m", "private"]);
      try {
        const spread = {
          ...exampleMount,
          containerPath: "/spread",
          hostPath: at("spread"),
          propagation: "hostToContainer",
        } as const;
        await assert.rejects(
          build({ ...exampleConfig, command: ["sh"], mounts: [spread] }),
          (error) =>
            isFault(error, "invalid") && error.message.includes(`lies on ${at("spread")}, which is private`),
        );
        spawnSync("mount", ["--make-shared", at("spread")]);
        const optional = (name: string) => `grep ' /spread ' /proc/self/mountinfo | grep -o ${name}`;
        await says(optional("master"), "master", { ...exampleConfig, mounts: [spread] });
        await says(optional("shared"), "shared", {
          ...exampleConfig,
          mounts: [{ ...spread, propagation: "bidirectional" }],
        });
      } finally {
        await mounts.unmount(at("spread"));
      }
    });

    it("limits processes, memory and CPU, and leaves out huge pages that the node lacks", async () => {
      const config: ContainerConfig = {
        ...exampleConfig,
        resources: {
          memoryLimit: 64 << 20,
          cpuShares: 512,
          cpuQuotaUs: 50_000,
          cpuPeriodUs: 100_000,
          hugepageLimits: [{ pageSize: "3MB", limit: 1 << 22 }],
        },
      };
      const own = isV2
        ? "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max"
        : "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us";
      await says(own, isV2 ? "67108864\n100" : "67108864\n100\n50000", config);
      await says("cat /proc/self/oom_score_adj", "500", {
        ...exampleConfig,
        resources: { oomScoreAdj: 500 },
      });
      const { oomScoreAdjMin } = await facts;
      await says("cat /proc/self/oom_score_adj", String(Math.max(-997, oomScoreAdjMin)), {
        ...exampleConfig,
        resources: { oomScoreAdj: -997 },
      });
    });

    it("adds a device with the access that was given", async () => {
      const device = { hostPath: "/dev/null", containerPath: "/dev/mine", permissions: "rw" };
      await says("echo x >/dev/mine && stat -c '%t:%T' /dev/mine", "1:3", {
        ...exampleConfig,
        devices: [device],
      });
    });

    it("gives privileged containers the node's devices and all capabilities that the daemon has", async () => {
      const config = withSecurity({
        privileged: true,
        maskedPaths: ["/bin/ls"],
        seccomp: { kind: "runtimeDefault" },
      });
      const held = /CapBnd:\s+([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
      await says(
        "grep CapBnd /proc/self/status; grep Seccomp: /proc/self/status; mkdir /tmp/m; mount -t tmpfs x /tmp/m && ls -d /tmp/m; test -w /sys/kernel && echo w",
        `CapBnd:\t${held}\nSeccomp:\t0\n/tmp/m\nw`,
        config,
        privilegedPod(),
      );
      await assert.rejects(build({ ...config, command: ["sh"] }), (error) => isFault(error, "invalid"));
    });

    it("shares the PID namespace of the node or of a target", async () => {
      const node = { network: "pod", pid: "node", ipc: "pod" } as const;
      const nodePod = {
        ...pod,
        config: { ...pod.config, security: { ...pod.config.security, namespaces: node } },
      };
      await says(
        `test -d /proc/${process.pid} && echo seen`,
        "seen",
        withSecurity({ namespaces: node }),
        nodePod,
      );
      const target = { ...exampleSecurity.namespaces, pid: "target", targetId: "other" } as const;
      await says(`test -d /proc/${process.pid} && echo seen`, "seen", withSecurity({ namespaces: target }));
    });

    it("names the field of what it can't do", async () => {
      const cases: [Partial<ContainerConfig>, "invalid" | "unimplemented", RegExp][] = [
        [{ command: [] }, "invalid", /no command/],
        [{ cdiDevices: ["vendor.example/gpu=0"] }, "unimplemented", /cdiDevices.*vendor/],
        [{ workingDir: "relative" }, "invalid", /workingDir/],
        [
          { devices: [{ hostPath: "/etc/passwd", containerPath: "", permissions: "r" }] },
          "invalid",
          /devices\[0\].*neither a device/,
        ],
        [
          { devices: [{ hostPath: "/dev/nowhere", containerPath: "", permissions: "r" }] },
          "invalid",
          /devices\[0\]/,
        ],
        [
          { security: { ...exampleSecurity, runAsUsername: "nobody-here" } },
          "invalid",
          /no user "nobody-here"/,
        ],
        [{ security: { ...exampleSecurity, runAsGroup: 5 } }, "invalid", /runAsGroup/],
        [
          { security: { ...exampleSecurity, seccomp: { kind: "localhost", ref: "/nowhere.json" } } },
          "invalid",
          /localhostRef.*nowhere/,
        ],
        [
          { security: { ...exampleSecurity, apparmor: { kind: "localhost", ref: "strict" } } },
          "invalid",
          /apparmor.*"strict"/,
        ],
        [
          { mounts: [{ ...exampleMount, image: exampleConfig.image }] },
          "unimplemented",
          /mounts\[0\]\.image/,
        ],
        [{ mounts: [{ ...exampleMount, recursiveReadOnly: true }] }, "invalid", /recursiveReadOnly/],
      ];
      for (const [changes, kind, message] of cases) {
        await assert.rejects(
          build({ ...exampleConfig, command: ["sh"], ...changes }),
          (error) => isFault(error, kind) && message.test(error.message),
          String(message),
        );
      }
    });
  });
}
