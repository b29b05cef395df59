import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { lowestOomScoreAdj } from "../../src/linux/oom-score.ts";
import { NamespaceMode, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const withPid = (pid: NamespaceMode, targetId = "") => ({
  linux: {
    securityContext: {
      namespaceOptions: { network: NamespaceMode.POD, ipc: NamespaceMode.POD, pid, targetId },
    },
  },
});
const inPod = withPid(NamespaceMode.POD);

for (const runtime of ["crun", "runc"] as const) {
  describe(`one process namespace for several containers, on ${runtime}`, privileged, () => {
    let daemon: TestDaemon;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      await importBusybox(daemon);
    });

    after(() => endDaemon(daemon));

    const start = (pod: MadePod, name: string, script: string, overrides: object) =>
      runContainer(daemon, pod, shellConfig(name, busyboxImage, script, overrides));

    async function exec(containerId: string, script: string): Promise<string> {
      const cmd = ["/bin/sh", "-c", script];
      const { stdout } = await daemon.pods.execSync({ containerId, cmd, timeout: 10n });
      return stdout.toString().trim();
    }

    /** Waits until a container's program is what it becomes: its start ends before. */
    const seen = (containerId: string, script: string, what: RegExp) =>
      eventually(`${what}`, 30_000, async () => what.test(await exec(containerId, script)) || undefined);

    /** The process that holds the pod's namespace, as the host numbers it. */
    const initOf = ({ id }: MadePod) =>
      Number(readFileSync(join(daemon.workspace.state, "containers", id, "pid"), "latin1"));

    test("containers see each other; the first process reaps what they leave, and nothing of an ended one runs on", async () => {
      const pod = await runPod(daemon, "shared", inPod);
      await start(pod, "one", "exec sleep 4321", inPod);
      const two = await start(pod, "two", "sh -c 'sleep 0.1 &'; exec sleep 4322", inPod);
      await seen(two, "ps -o args", /sleep 4321/);
      assert.match(await exec(two, "ps -o pid,args"), /^ +1 +\/pause$/m);
      assert.equal(
        await exec(two, "cat /proc/1/oom_score_adj"),
        String(Math.max(-998, await lowestOomScoreAdj())),
      );
      await eventually("the orphan to be reaped", 10_000, async () =>
        /sleep 0.1|\[sleep\]/.test(await exec(two, "ps -o args")) ? undefined : true,
      );
      const left = await start(pod, "left", "setsid sleep 4323 & exit 3", inPod);
      assert.equal((await exited(daemon, left)).exitCode, 3);
      assert.doesNotMatch(await exec(two, "ps -o args"), /sleep 4323/);
    });

    test("the namespace lives through the daemon's death, and new containers join it", async () => {
      const pod = await runPod(daemon, "lasting", inPod);
      await start(pod, "one", "exec sleep 5321", inPod);
      await daemon.kill();
      await daemon.launch();
      const two = await start(pod, "two", "exec sleep 5322", inPod);
      await seen(two, "ps -o args", /sleep 5321/);
    });

    test("a pod whose first process ends is not ready, and is gone from the host; so, too, when no daemon saw it", async () => {
      for (const isSeen of [true, false]) {
        const pod = await runPod(daemon, `lost-${isSeen}`, inPod);
        const id = await start(pod, "one", "exec sleep 6321", inPod);
        const init = initOf(pod);
        if (!isSeen) await daemon.kill();
        process.kill(init, "SIGKILL");
        if (!isSeen) await daemon.launch();
        await eventually("the pod to be not ready", 30_000, async () => {
          const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
          return status?.state === PodSandboxState.SANDBOX_NOTREADY || undefined;
        });
        assert.equal((await exited(daemon, id)).exitCode, 137);
        await assert.rejects(start(pod, "two", "true", inPod), (error) => isFault(error, "wrongState"));
      }
    });

    test("a container joins the processes of another, and ends with them", async () => {
      const own = withPid(NamespaceMode.CONTAINER);
      const pod = await runPod(daemon, "debugged", own);
      const target = await start(pod, "main", "echo secret > /file; exec sleep 7321", own);
      const debug = await start(pod, "debug", "exec sleep 7322", withPid(NamespaceMode.TARGET, target));
      await seen(debug, "ps -o pid,args", /^ +1 +sleep 7321$/m);
      assert.equal(await exec(debug, "cat /proc/1/root/file"), "secret", "the way of kubectl debug");
      assert.equal(
        await exec(debug, "readlink /proc/self/ns/pid"),
        await exec(target, "readlink /proc/1/ns/pid"),
      );
      await daemon.pods.stopContainer({ containerId: target, timeout: 0n });
      assert.equal((await exited(daemon, debug)).exitCode, 137);
      assert.equal((await containerStatus(daemon, target)).exitCode, 137);
      const late = start(pod, "late", "true", withPid(NamespaceMode.TARGET, target));
      await assert.rejects(
        late,
        (error) => isFault(error, "wrongState") && /it is exited/.test(error.message),
      );
    });

    test("a target must be a container of the same pod", async () => {
      const own = withPid(NamespaceMode.CONTAINER);
      const [here, there] = [await runPod(daemon, "here", own), await runPod(daemon, "there", own)];
      const target = await start(there, "main", "exec sleep 8321", own);
      for (const id of [target, "f".repeat(64)]) {
        await assert.rejects(
          start(here, "debug", "true", withPid(NamespaceMode.TARGET, id)),
          (error) => isFault(error, "invalid") && error.message.includes(`has no container ${id}`),
        );
      }
    });
  });
}
