import assert from "node:assert/strict";
import { test } from "node:test";
import pino from "pino";
import { isFault } from "../base/fault.ts";
import { ContainerEventType } from "../wire/gen/runtime.v1.ts";
import { decodeContainerConfig } from "./convert/decode-container-config.ts";
import { decodePodSandboxConfig } from "./convert/decode-pod-sandbox-config.ts";
import { EventFeed } from "./event-feed.ts";
import { getContainerEvents } from "./runtime/get-container-events.ts";
import { NodeInMemory } from "./testing/node-in-memory.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "./testing/requests.ts";

function node() {
  const memory = new NodeInMemory("/nowhere");
  const { podSandboxes, containers, events } = memory.parts(pino({ enabled: false }));
  let dropped = 0;
  const feed = new EventFeed(events, podSandboxes, containers, () => {
    dropped += 1;
  });
  const stop = new AbortController();
  return { memory, podSandboxes, containers, feed, stop, dropped: () => dropped };
}

const podConfig = decodePodSandboxConfig(wholePodSandboxConfig(), "config");
const containerConfig = decodeContainerConfig(wholeContainerConfig(), "config");

test("a reader gets every event with its pod as it was then, to the pod's end", async () => {
  const { podSandboxes, containers, feed, stop } = node();
  const events = getContainerEvents(feed, { actualResources: ({ resources }) => resources }, stop.signal);
  const first = events.next();
  const pod = await podSandboxes.run(podConfig, "", stop.signal);
  const container = await containers.create(pod, containerConfig, stop.signal);
  await containers.remove(container, stop.signal);
  await podSandboxes.remove(pod, stop.signal);
  const seen = [(await first).value, (await events.next()).value, (await events.next()).value];
  assert.deepEqual(
    seen.map((event) => [event?.containerId, event?.containerEventType, event?.containersStatuses.length]),
    [
      [pod, ContainerEventType.CONTAINER_STARTED_EVENT, 0],
      [container, ContainerEventType.CONTAINER_CREATED_EVENT, 1],
      [pod, ContainerEventType.CONTAINER_DELETED_EVENT, 0],
    ],
  );
  for (const event of seen) assert.equal(event?.podSandboxStatus?.metadata?.uid, "uid-1");
  const last = events.next();
  stop.abort();
  assert.equal((await last).done, true);
});

test("a pod from before the daemon started is known at its end", async () => {
  const memory = new NodeInMemory("/nowhere");
  const { podSandboxes, containers, events } = memory.parts(pino({ enabled: false }));
  const stop = new AbortController();
  const pod = await podSandboxes.run(podConfig, "", stop.signal);
  const read = new EventFeed(events, podSandboxes, containers).read(stop.signal);
  const next = read.next();
  await podSandboxes.remove(pod, stop.signal);
  assert.equal((await next).value?.pod.id, pod);
  stop.abort();
});

test("a reader that comes soon after the daemon's start gets what happened before; later ones from then on", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { memory, podSandboxes, feed, stop } = node();
  const pod = await podSandboxes.run(podConfig, "", stop.signal);
  memory.tell("stopped", pod, "early");
  const first = feed.read(stop.signal);
  assert.equal((await first.next()).value?.event.kind, "started");
  assert.equal((await first.next()).value?.event.containerId, "early");
  t.mock.timers.tick(30_000);
  const next = feed.read(stop.signal).next();
  memory.tell("stopped", pod, "late");
  assert.equal((await next).value?.event.containerId, "late");
  assert.equal((await first.next()).value?.event.containerId, "late");
  stop.abort();
});

test("10,000 events wait for a slow reader; one that is further behind is told, not skipped", async () => {
  const { memory, podSandboxes, feed, stop, dropped } = node();
  const pod = await podSandboxes.run(podConfig, "", stop.signal);
  const slow = feed.read(stop.signal);
  assert.equal((await slow.next()).value?.event.containerId, pod);
  const first = slow.next();
  for (let count = 0; count < 10_000; count++) memory.tell("stopped", pod, `c${count}`);
  assert.equal((await first).value?.event.containerId, "c0");
  for (let count = 1; count < 10_000; count++) {
    assert.equal((await slow.next()).value?.event.containerId, `c${count}`);
  }
  assert.equal(dropped(), 0);
  const next = slow.next();
  for (let count = 0; count < 20_000; count++) memory.tell("stopped", pod, `d${count}`);
  assert.equal(dropped(), 20_000 - 16_384, "each one is told of");
  await assert.rejects(
    async () => {
      await next;
      for await (const _ of slow);
    },
    (error) => isFault(error, "exhausted"),
  );
});
