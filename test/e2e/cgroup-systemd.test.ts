import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { cgroupCases } from "../harness/cgroup-cases.ts";
import { cgroupVersion } from "../harness/cgroup-file.ts";
import { busyboxImage } from "../harness/images.ts";
import { cgroupFile, cgroupOfProcess, isSystemd, systemctl } from "../harness/kubelet-cgroups.ts";
import { eventually, removePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { isRoot, privileged } from "../harness/privileged.ts";

const isFit = cgroupVersion === 2 && isSystemd;
const unfit =
  isRoot && !isFit ? { skip: "NOT RUN: needs systemd as the first process, and cgroup v2" } : privileged;

for (const runtime of ["crun", "runc"] as const) {
  describe(`cgroup v2 by systemd, on ${runtime}`, unfit, () => {
    const suite = cgroupCases(runtime, "systemd");

    const units = () => {
      const stem = basename(suite.daemon.workspace.cgroupParent, ".slice");
      const list = systemctl("list-units", "--all", "--plain", "--no-legend", "berth-*", `${stem}-*`);
      return list.split("\n").flatMap((line) => /^(berth-|\S*monitors)\S*/.exec(line)?.[0] ?? []);
    };

    test("limits outlast a reload of systemd's, as when a package is installed", async () => {
      const resources = {
        memoryLimitInBytes: 64n << 20n,
        cpuQuota: 50_000n,
        cpuPeriod: 100_000n,
        unified: { "memory.oom.group": "1", "memory.high": String(48 << 20) },
      };
      const config = shellConfig("reload", busyboxImage, "sleep 999", { linux: { resources } });
      const containerId = await runContainer(suite.daemon, suite.pod, config);
      const { info } = await suite.daemon.pods.containerStatus({ containerId, verbose: true });
      const cgroup = cgroupOfProcess(JSON.parse(info.info ?? "").pid);
      systemctl("daemon-reload");
      const files = ["memory.max", "memory.high", "memory.oom.group", "cpu.max"];
      assert.deepEqual(
        files.map((name) => cgroupFile(cgroup, name)),
        [String(64 << 20), String(48 << 20), "1", "50000 100000"],
      );
      await suite.daemon.pods.removeContainer({ containerId });
    });

    test("monitors have a scope of their own, and outlive the daemon in it; pods without a kubelet have slices", async () => {
      const { daemon } = suite;
      const { cgroupParent } = daemon.workspace;
      const stem = basename(cgroupParent, ".slice");
      const pod = await runPod(daemon, "own");
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
      const { info } = await daemon.pods.containerStatus({ containerId: id, verbose: true });
      const { pid, cgroup } = JSON.parse(info.info ?? "");
      assert.equal(cgroup, `${cgroupParent}/${stem}-${pod.id}.slice/berth-${id}.scope`);
      const monitor = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "";
      assert.equal(cgroupOfProcess(monitor), `${cgroupParent}/${stem}-monitors.scope/${pod.id}`);
      const { stats } = await daemon.pods.podSandboxStats({ podSandboxId: pod.id });
      assert.equal(stats?.linux?.process?.processCount?.value, 1n, "the monitor is not the pod's");
      await daemon.kill();
      await daemon.launch();
      assert.equal(cgroupOfProcess(monitor), `${cgroupParent}/${stem}-monitors.scope/${pod.id}`);
      await removePod(daemon, pod.id);
      assert.ok(!units().some((unit) => unit.includes(pod.id) || unit.includes(id)), units().join(", "));
    });

    test("no unit is left, failed or not", async () => {
      // systemd takes away what is empty in its own time
      await eventually("all scopes to be gone", 10_000, async () =>
        units().length === 0 ? true : undefined,
      ).catch(() => assert.deepEqual(units(), []));
      assert.equal(systemctl("list-units", "--failed", "--plain", "--no-legend", "berth-*"), "");
    });

    test("a scope of a container that is over is found, and taken away by the next daemon", async () => {
      const { daemon } = suite;
      const ghost = "0123456789abcdef".repeat(4);
      const slice = `${basename(daemon.workspace.cgroupParent, ".slice")}-${ghost}.slice`;
      const unit = `berth-${ghost}.scope`;
      spawn("systemd-run", ["--scope", "--quiet", `--slice=${slice}`, `--unit=${unit}`, "sleep", "999"], {
        stdio: "ignore",
      });
      const directory = join("/sys/fs/cgroup", daemon.workspace.cgroupParent, slice, unit);
      await eventually("the scope", 20_000, async () => (existsSync(directory) ? true : undefined));
      const { code, stdout } = await daemon.command("doctor", "--leaks");
      assert.equal(code, 1, stdout);
      assert.match(stdout, new RegExp(`systemctl stop ${slice}`));
      await daemon.stop();
      await daemon.launch();
      await eventually("the scope's end", 30_000, async () => (existsSync(directory) ? undefined : true));
    });

    test("the doctor is content with this driver", async () => {
      assert.match((await suite.daemon.command("doctor")).stdout, /cgroup driver systemd/);
    });
  });
}
