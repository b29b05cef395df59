import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { limitPodMemory } from "../harness/kubelet-cgroups.ts";
import { eventually, exited, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** Doubles a variable until the memory is used up. */
const hungry = "x=a; while :; do x=$x$x$x$x; done";
const limit = { linux: { resources: { memoryLimitInBytes: 16n << 20n } } };

// crun in a mount namespace of its own, runc in the host's.
for (const runtime of ["crun", "runc"] as const) {
  describe(`how containers end on ${runtime}, as a kubelet shows it`, privileged, () => {
    let daemon: TestDaemon;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      await importBusybox(daemon);
    });

    after(() => endDaemon(daemon));

    async function endOf(containerId: string) {
      const { exitCode, reason, message } = await exited(daemon, containerId);
      return { exitCode, reason, message };
    }

    test("by itself: Completed or Error, with no message of berth's before the container's own", async () => {
      const pod = await runPod(daemon, "itself");
      const cases = [
        ["exit 0", 0, "Completed"],
        ["exit 3", 3, "Error"],
        ["sh -c 'kill -SEGV $$'; exit $?", 139, "Error"],
      ] as const;
      for (const [index, [script, exitCode, reason]] of cases.entries()) {
        const id = await runContainer(daemon, pod, shellConfig(`c${index}`, busyboxImage, script));
        assert.deepEqual(await endOf(id), { exitCode, reason, message: "" });
      }
    });

    test("for memory: its own limit's, also when no daemon looks on", async () => {
      const pod = await runPod(daemon, "memory");
      const message = "the kernel killed it for memory: its limit is 16 MiB";
      const expected = { exitCode: 137, reason: "OOMKilled", message };
      const one = await runContainer(daemon, pod, shellConfig("one", busyboxImage, hungry, limit));
      assert.deepEqual(await endOf(one), expected);
      const waits = `until test -e /logs/go; do sleep 0.05; done; ${hungry}`;
      const mounts = [{ containerPath: "/logs", hostPath: pod.config.logDirectory }];
      const two = await runContainer(
        daemon,
        pod,
        shellConfig("two", busyboxImage, waits, { ...limit, mounts }),
      );
      const { info } = await daemon.pods.containerStatus({ containerId: two, verbose: true });
      const { pid } = JSON.parse(info.info ?? "");
      await daemon.kill();
      writeFileSync(join(pod.config.logDirectory, "go"), "");
      await eventually("the container to be gone", 10_000, async () => (isGone(pid) ? true : undefined));
      await daemon.launch();
      assert.deepEqual(await endOf(two), expected);
    });

    test("for memory: of one of its processes, while the first goes on and ends by itself", async () => {
      const pod = await runPod(daemon, "child");
      const message = "the kernel killed a process in it for memory: its limit is 16 MiB";
      for (const exitCode of [0, 4]) {
        const script = `sh -c '${hungry}'; exit ${exitCode}`;
        const config = shellConfig(`ends-with-${exitCode}`, busyboxImage, script, limit);
        const id = await runContainer(daemon, pod, config);
        assert.deepEqual(await endOf(id), { exitCode, reason: "OOMKilled", message });
      }
    });

    test("for memory: its pod's limit, which a kubelet sets", async () => {
      const pod = await runPod(daemon, "podlimit");
      const { info } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: true });
      const { cgroup } = JSON.parse(info.info ?? "");
      limitPodMemory(cgroup, 32 << 20);
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, hungry));
      const { exitCode, reason, message } = await endOf(id);
      assert.deepEqual([exitCode, reason], [137, "OOMKilled"]);
      assert.match(message, /no limit of its own, its pod or the node/);
    });

    test("a program that can't be run: why is in the log; one that is not there is refused by name", async () => {
      const pod = await runPod(daemon, "unstarted");
      const broken = join(daemon.workspace.directory, "broken");
      writeFileSync(broken, "\x7fELF and no more", { mode: 0o755 });
      const config = shellConfig("broken", busyboxImage, "", {
        command: ["/broken"],
        mounts: [{ containerPath: "/broken", hostPath: broken }],
      });
      const ended = await endOf(await runContainer(daemon, pod, config));
      assert.deepEqual([ended.exitCode > 0, ended.reason], [true, "Error"]);
      assert.match(readFileSync(join(pod.config.logDirectory, "broken.log"), "utf8"), /exec format error/i);
      const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
      const missing = {
        ...request,
        config: { ...config, metadata: { name: "missing", attempt: 0 }, command: ["/none"] },
      };
      await assert.rejects(
        daemon.pods.createContainer(missing),
        (error) => isFault(error, "internal") && /none.*[Nn]o such file/.test(error.message),
      );
    });
  });
}

/** True for a zombie, too: its monitor may be slow to reap it. */
function isGone(pid: number): boolean {
  try {
    return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return true;
  }
}
