import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
} from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  eventually,
  exited,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const whole = [
  ContainerEventType.CONTAINER_CREATED_EVENT,
  ContainerEventType.CONTAINER_STARTED_EVENT,
  ContainerEventType.CONTAINER_STOPPED_EVENT,
  ContainerEventType.CONTAINER_DELETED_EVENT,
];

/** What a container's own status says in the event of each kind; undefined: it is not there any more. */
const stateAt: Readonly<Record<number, ContainerState | undefined>> = {
  [ContainerEventType.CONTAINER_CREATED_EVENT]: ContainerState.CONTAINER_CREATED,
  [ContainerEventType.CONTAINER_STARTED_EVENT]: ContainerState.CONTAINER_RUNNING,
  [ContainerEventType.CONTAINER_STOPPED_EVENT]: ContainerState.CONTAINER_EXITED,
};

/** A kubelet's evented PLEG takes a pod's whole state from its events: see pkg/kubelet/pleg/evented.go. */
describe("events of pods and containers", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc" });
    await importBusybox(daemon);
  });

  after(async () => {
    try {
      await removeAllPods(daemon);
    } finally {
      await daemon.close();
    }
  });

  function read(): { seen: ContainerEventResponse[]; stop(): Promise<void> } {
    const seen: ContainerEventResponse[] = [];
    const ending = new AbortController();
    const reading = (async () => {
      for await (const event of daemon.pods.getContainerEvents({}, { signal: ending.signal }))
        seen.push(event);
    })().catch(() => undefined);
    return {
      seen,
      async stop() {
        ending.abort();
        await reading;
      },
    };
  }

  const eventsOf = (seen: readonly ContainerEventResponse[], id: string) =>
    seen.filter(({ containerId }) => containerId === id);

  test("each comes once and in order, with the state as it was then, of containers that end at once, too", async () => {
    const { seen, stop } = read();
    const pod = await runPod(daemon, "events");
    const ids = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const id = await runContainer(daemon, pod, shellConfig(`c${index}`, busyboxImage, `exit ${index}`));
        await exited(daemon, id);
        await daemon.pods.removeContainer({ containerId: id });
        return id;
      }),
    );
    await removePod(daemon, pod.id);
    await eventually("the pod's last event", 10_000, async () =>
      eventsOf(seen, pod.id).some(
        ({ containerEventType }) => containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT,
      )
        ? true
        : undefined,
    );
    for (const id of [pod.id, ...ids]) {
      const types = eventsOf(seen, id).map(({ containerEventType }) => containerEventType);
      assert.deepEqual(types, whole, id);
    }
    for (const [index, { createdAt, podSandboxStatus }] of seen.entries()) {
      assert.equal(podSandboxStatus?.metadata?.uid, pod.config.metadata?.uid);
      assert.ok(createdAt > (seen[index - 1]?.createdAt ?? 0n), "times grow");
    }
    for (const [index, id] of ids.entries()) {
      for (const { containerEventType, containersStatuses } of eventsOf(seen, id)) {
        const own = containersStatuses.find((status) => status.id === id);
        assert.equal(own?.state, stateAt[containerEventType]);
        if (own?.state === ContainerState.CONTAINER_EXITED) assert.equal(own.exitCode, index);
      }
    }
    await stop();
  });

  test("an exit that no daemon saw is told to who comes back", async () => {
    const pod = await runPod(daemon, "unseen");
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "exec sleep 9999"));
    await daemon.kill();
    const { state } = daemon.workspace;
    process.kill(Number(readFileSync(join(state, "containers", id, "pid"), "latin1")), "SIGKILL");
    await eventually(
      "the monitor's note",
      10_000,
      async () => existsSync(join(state, "exits", id)) || undefined,
    );
    await daemon.launch();
    const { seen, stop } = read();
    const [ended, ...more] = await eventually("the exit", 15_000, async () => {
      const found = eventsOf(seen, id);
      return found.length > 0 ? found : undefined;
    });
    assert.equal(ended?.containerEventType, ContainerEventType.CONTAINER_STOPPED_EVENT);
    assert.equal(ended.containersStatuses.find((status) => status.id === id)?.exitCode, 137);
    assert.deepEqual(more, []);
    await stop();
  });
});
