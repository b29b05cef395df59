import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isFault } from "../../base/fault.ts";
import { hostMounts } from "../../linux/mounts.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import { exampleConfig, exampleMount, exampleSecurity, withSecurity } from "./testing/example.ts";
import { noOciRun } from "./testing/oci-run.ts";
import { type PodRun, startPodRun } from "./testing/pod-run.ts";

for (const runtime of ["runc", "crun"]) {
  describe(`containers run by ${runtime}: what they have of the host`, {
    skip: noOciRun(runtime) ?? false,
  }, () => {
    const mounts = hostMounts();
    let host: PodRun;

    before(async () => {
      host = await startPodRun(runtime);
    });
    after(() => host[Symbol.asyncDispose]());

    it("mounts directories, files and missing ones, read-only or not, in order of depth", async () => {
      mkdirSync(host.at("data/sub"), { recursive: true });
      writeFileSync(host.at("file"), "a file\n");
      symlinkSync(host.at("data"), host.at("link-to-data"));
      const mount = (containerPath: string, hostPath: string, readonly = false) => ({
        ...exampleMount,
        containerPath,
        hostPath,
        readonly,
      });
      const mounts = [
        mount("/data/sub/deep.txt", host.at("file"), true),
        mount("/data", host.at("link-to-data")),
        mount("/made", host.at("was/missing")),
        mount("/etc/hosts", host.at("file")),
        mount("/dev/termination-log", host.at("file")),
      ];
      const script =
        "cat /data/sub/deep.txt /etc/hosts; touch /data/w && echo no >/data/sub/deep.txt; ls -A /made; echo bye >/dev/termination-log";
      const { output } = await host.sh(script, { ...exampleConfig, mounts });
      assert.match(output, /^a file\na file\n.*deep\.txt: Read-only file system\n$/s);
      assert.equal(readFileSync(host.at("file"), "utf8"), "bye\n");
      assert.deepEqual(readdirSync(host.at("data")).toSorted(), ["sub", "w"]);
      assert.deepEqual(readdirSync(host.at("was")), ["missing"]);
    });

    it("keeps a mount whose destination is a link of the image within the root", async () => {
      mkdirSync(host.at("data"), { recursive: true });
      symlinkSync("/../../../../../../../../tmp", join(host.rootfs, "escape"));
      writeFileSync(host.at("file"), "a file\n");
      const mounts = [{ ...exampleMount, containerPath: "/escape/berth-landed", hostPath: host.at("file") }];
      await host.says("cat /tmp/berth-landed", "a file", { ...exampleConfig, mounts });
      assert.ok(readdirSync(join(host.rootfs, "tmp")).includes("berth-landed"));
    });

    it("mounts with the options that are asked for", async () => {
      mkdirSync(host.at("scripts"));
      writeFileSync(host.at("scripts/run"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
      const scripts = { ...exampleMount, containerPath: "/scripts", hostPath: host.at("scripts") };
      await host.says("/scripts/run", "ran", { ...exampleConfig, mounts: [scripts] });
      const options = ["noexec", "nosuid", "nodev"];
      const { output } = await host.sh(
        "/scripts/run; grep -o '/scripts .*nosuid,nodev,noexec' /proc/mounts && touch /scripts/written",
        { ...exampleConfig, mounts: [{ ...scripts, options }] },
      );
      assert.match(output, /Permission denied/);
      assert.ok(readdirSync(host.at("scripts")).includes("written"), output);
    });

    it("leaves a volume its group and mode, which the kubelet gave it", async () => {
      mkdirSync(host.at("grouped"));
      chownSync(host.at("grouped"), 0, 1234);
      chmodSync(host.at("grouped"), 0o2775);
      const mounts = [{ ...exampleMount, containerPath: "/grouped", hostPath: host.at("grouped") }];
      await host.says("stat -c '%a %u:%g' /grouped", "2775 0:1234", { ...exampleConfig, mounts });
    });

    it("makes every device of a directory, where that is asked for", async () => {
      mkdirSync(host.at("devices/nested"), { recursive: true });
      execFileSync("mknod", [host.at("devices/zero"), "c", "1", "5"]);
      execFileSync("mknod", [host.at("devices/nested/null"), "c", "1", "3"]);
      writeFileSync(host.at("devices/notes"), "no device\n");
      const devices = [{ hostPath: host.at("devices"), containerPath: "/dev/many", permissions: "rw" }];
      const script = "head -c 2 /dev/many/zero | wc -c; cat /dev/many/nested/null && find /dev/many -type f";
      await host.says(script, "2", { ...exampleConfig, devices });
    });

    it("makes mounts below a mount read-only too, when asked", async () => {
      mkdirSync(host.at("tree/below"), { recursive: true });
      await mounts.mount("berth-test", host.at("tree/below"), "tmpfs", ["size=1m"]);
      try {
        const tree = { ...exampleMount, containerPath: "/tree", hostPath: host.at("tree"), readonly: true };
        await host.says("touch /tree/below/x && echo wrote", "wrote", { ...exampleConfig, mounts: [tree] });
        const { output } = await host.sh("touch /tree/below/y", {
          ...exampleConfig,
          mounts: [{ ...tree, recursiveReadOnly: true }],
        });
        assert.match(output, /Read-only file system/);
      } finally {
        await mounts.unmount(host.at("tree/below"));
      }
    });

    it("spreads mounts from the node when asked, and says what is missing when it can't", async () => {
      mkdirSync(host.at("spread"));
      await mounts.mount("berth-test", host.at("spread"), "tmpfs", ["size=1m", "private"]);
      try {
        const spread = {
          ...exampleMount,
          containerPath: "/spread",
          hostPath: host.at("spread"),
          propagation: "hostToContainer",
        } as const;
        await assert.rejects(
          host.build({ ...exampleConfig, command: ["sh"], mounts: [spread] }),
          (error) =>
            isFault(error, "invalid") &&
            error.message.includes(`lies on ${host.at("spread")}, which is private`),
        );
        await mounts.unmount(host.at("spread"));
        await mounts.mount("berth-test", host.at("spread"), "tmpfs", ["size=1m", "shared"]);
        const optional = (name: string) => `grep ' /spread ' /proc/self/mountinfo | grep -o ${name}`;
        await host.says(optional("master"), "master", { ...exampleConfig, mounts: [spread] });
        await host.says(optional("shared"), "shared", {
          ...exampleConfig,
          mounts: [{ ...spread, propagation: "bidirectional" }],
        });
      } finally {
        await mounts.unmount(host.at("spread"));
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
      const own =
        host.facts.cgroupVersion === 2
          ? "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max"
          : "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us";
      await host.says(own, host.facts.cgroupVersion === 2 ? "67108864\n100" : "67108864\n100\n50000", config);
      await host.says("cat /proc/self/oom_score_adj", "500", {
        ...exampleConfig,
        resources: { oomScoreAdj: 500 },
      });
      const { oomScoreAdjMin } = host.facts;
      await host.says("cat /proc/self/oom_score_adj", String(Math.max(-997, oomScoreAdjMin)), {
        ...exampleConfig,
        resources: { oomScoreAdj: -997 },
      });
    });

    it("adds a device with the access that was given", async () => {
      const device = { hostPath: "/dev/null", containerPath: "/dev/mine", permissions: "rw" };
      await host.says("echo x >/dev/mine && stat -c '%t:%T' /dev/mine", "1:3", {
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
      await host.says(
        "grep CapBnd /proc/self/status; grep Seccomp: /proc/self/status; mkdir /tmp/m; mount -t tmpfs x /tmp/m && ls -d /tmp/m; test -w /sys/kernel && echo w",
        `CapBnd:\t${held}\nSeccomp:\t0\n/tmp/m\nw`,
        config,
        host.privilegedPod,
      );
      await assert.rejects(host.build({ ...config, command: ["sh"] }), (error) => isFault(error, "invalid"));
    });

    it("shares the PID namespace of the node or of a target", async () => {
      const node = { network: "pod", pid: "node", ipc: "pod" } as const;
      const nodePod = {
        ...host.pod,
        config: { ...host.pod.config, security: { ...host.pod.config.security, namespaces: node } },
      };
      await host.says(
        `test -d /proc/${process.pid} && echo seen`,
        "seen",
        withSecurity({ namespaces: node }),
        nodePod,
      );
      const target = { ...exampleSecurity.namespaces, pid: "target", targetId: "other" } as const;
      await host.says(
        `test -d /proc/${process.pid} && echo seen`,
        "seen",
        withSecurity({ namespaces: target }),
      );
    });

    it("names the field of what it can't do", async () => {
      const cases: [Partial<ContainerConfig>, "invalid" | "notFound", RegExp][] = [
        [{ command: [] }, "invalid", /no command/],
        [
          { cdiDevices: ["vendor.example/gpu=0"] },
          "notFound",
          /CDI_devices\[0\].*vendor.example\/gpu=0 \(searched /,
        ],
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
        [{ mounts: [{ ...exampleMount, recursiveReadOnly: true }] }, "invalid", /recursiveReadOnly/],
      ];
      for (const [changes, kind, message] of cases) {
        await assert.rejects(
          host.build({ ...exampleConfig, command: ["sh"], ...changes }),
          (error) => isFault(error, kind) && message.test(error.message),
          String(message),
        );
      }
    });
  });
}
