import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { containerSteps } from "../../src/container/steps.ts";
import { podSandboxSteps } from "../../src/pod/steps.ts";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  exited,
  type MadePod,
  podConfig,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { full, privileged } from "../harness/privileged.ts";

const randomKills = full ? 50 : 5;

describe("kill -9 of the daemon", privileged, () => {
  let daemon: TestDaemon;
  let bystander: MadePod;
  let bystanderId = "";

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    bystander = await runPod(daemon, "bystander");
    bystanderId = await runContainer(
      daemon,
      bystander,
      shellConfig("main", busyboxImage, "trap 'exit 42' TERM; while :; do sleep 0.1; done"),
    );
  });

  after(async () => {
    try {
      await daemon.pods.stopContainer({ containerId: bystanderId, timeout: 10n });
      assert.equal((await containerStatus(daemon, bystanderId)).exitCode, 42, "the bystander ran all along");
      await removeAllPods(daemon);
      await assertNoLeaks(daemon);
    } finally {
      await daemon.close();
    }
  });

  const running = async () => {
    const { state } = await containerStatus(daemon, bystanderId);
    assert.equal(state, ContainerState.CONTAINER_RUNNING, "the bystander runs on");
  };

  /** A daemon that dies at `point` during `act`, then one that lives. */
  async function dieAt(point: string, act: () => Promise<unknown>): Promise<void> {
    await daemon.stop();
    await daemon.launch(`${point}:kill`);
    await assert.rejects(act(), `the daemon was to die at ${point}`);
    await daemon.ended();
    await daemon.launch();
    await running();
  }

  /** A kubelet asks again for the same, and goes on until all is gone. */
  async function makeAndRemove(config: MadePod["config"]): Promise<void> {
    const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "" });
    const pod = { id: podSandboxId, config };
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "exit 7"));
    assert.equal((await exited(daemon, id)).exitCode, 7);
    await removePod(daemon, podSandboxId);
  }

  const around = (operation: string, steps: readonly { name: string }[]) =>
    steps.flatMap(({ name }) => [`${operation}/${name}/before`, `${operation}/${name}/after`]);
  const backwards = (operation: string, steps: readonly { name: string }[]) =>
    steps.toReversed().flatMap(({ name }) => [`${operation}/${name}/undo`, `${operation}/${name}/undone`]);

  for (const point of around("RunPodSandbox", podSandboxSteps)) {
    test(`at ${point}`, async () => {
      const config = podConfig(daemon, "killed");
      await dieAt(point, () => daemon.pods.runPodSandbox({ config, runtimeHandler: "" }));
      await makeAndRemove(config);
    });
  }

  for (const point of [
    ...around("CreateContainer", containerSteps),
    "StartContainer/start/before",
    "StartContainer/start/after",
  ]) {
    test(`at ${point}`, async () => {
      const pod = await runPod(daemon, "killed");
      const config = shellConfig("main", busyboxImage, "exit 7");
      await dieAt(point, () => runContainer(daemon, pod, config));
      const { containerId } = await daemon.pods.createContainer({
        podSandboxId: pod.id,
        config,
        sandboxConfig: pod.config,
      });
      // Killed after the start: it may have ended by now, and can't be started twice.
      await daemon.pods.startContainer({ containerId }).catch(() => undefined);
      assert.equal((await exited(daemon, containerId)).exitCode, 7);
      await removePod(daemon, pod.id);
    });
  }

  for (const point of backwards("StopPodSandbox", podSandboxSteps)) {
    test(`at ${point}`, async () => {
      const pod = await runPod(daemon, "killed");
      await dieAt(point, () => daemon.pods.stopPodSandbox({ podSandboxId: pod.id }));
      await removePod(daemon, pod.id);
    });
  }

  for (const point of backwards("RemoveContainer", containerSteps)) {
    test(`at ${point}`, async () => {
      const pod = await runPod(daemon, "killed");
      const containerId = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "exit 7"));
      await exited(daemon, containerId);
      await dieAt(point, () => daemon.pods.removeContainer({ containerId }));
      await daemon.pods.removeContainer({ containerId });
      await removePod(daemon, pod.id);
    });
  }

  test("exits that happen while nobody watches are reported with their code and time", async () => {
    const pod = await runPod(daemon, "unwatched");
    const containerId = await runContainer(
      daemon,
      pod,
      shellConfig("main", busyboxImage, "sleep 0.6; exit 9"),
    );
    await daemon.kill();
    const killed = Date.now();
    await sleep(1500);
    await daemon.launch();
    const status = await exited(daemon, containerId, 3000);
    assert.deepEqual([status.exitCode, status.reason], [9, "Error"]);
    const finished = Number(status.finishedAt / 1_000_000n);
    assert.ok(finished < killed + 1200, `it finished ${finished - killed} ms after the kill`);
    await removePod(daemon, pod.id);
  });

  test(`at ${randomKills} random moments of a loop of lives`, async () => {
    for (let kill = 0; kill < randomKills; kill++) {
      const config = podConfig(daemon, `random-${kill}`);
      const life = makeAndRemove(config).then(
        () => true,
        () => false,
      );
      await sleep(Math.random() * 400);
      await daemon.kill();
      await life;
      await daemon.launch();
      await running();
      // What a kubelet does with a sandbox that is not ready: stop and remove it, whatever became of it.
      const { items } = await daemon.pods.listPodSandbox({});
      await Promise.all(items.filter(({ id }) => id !== bystander.id).map(({ id }) => removePod(daemon, id)));
    }
    await running();
  });
});
