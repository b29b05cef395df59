import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { openContainers } from "./containers.ts";
import { createContainer } from "./create.ts";
import { liveContainers } from "./exits.ts";
import { recoverContainers } from "./recover.ts";
import { stopAllOfPod } from "./remove.ts";
import { containerConfig, podId, RecordingContainerHost } from "./testing/recording-host.ts";

const never = new AbortController().signal;

async function running(host: RecordingContainerHost, name = "web"): Promise<ContainerId> {
  host.watchExits();
  const containers = openContainers(host.parts);
  const id = await containers.create(podId, containerConfig(name), never);
  await containers.start(id, never);
  return id;
}

test("a container's life is told in order", { timeout: 60_000 }, async () => {
  await using host = await RecordingContainerHost.open();
  const containers = openContainers(host.parts);
  const id = await running(host);
  await containers.start(id, never); // again: it runs
  await containers.stop(id, 0, never);
  const { state } = containers.get(id);
  assert.ok(state.kind === "exited" && state.exitCode === 137 && state.startedAt !== undefined);
  while (!host.forgotten.has(id)) await sleep(1); // by its runtime, though nobody removes it yet
  await containers.remove(id, never);
  assert.equal(host.parts.book.exits.size, 0, "nobody is remembered as waiting");
  assert.deepEqual(host.events, ["created", "started", "stopped", "deleted"]);
  assert.deepEqual(host.traces(), []);
});

test("repeats of a create join, and another config is told how it differs", async () => {
  await using host = await RecordingContainerHost.open();
  const containers = openContainers(host.parts);
  const create = () => containers.create(podId, containerConfig("web"), never);
  const [one, two] = await Promise.all([create(), create()]);
  assert.equal(one, two);
  assert.equal(await create(), one);
  const other = { ...containerConfig("web"), command: ["other"] };
  await assert.rejects(
    containers.create(podId, other, never),
    (error) => isFault(error, "alreadyExists") && /\(command\)/.test(error.message),
  );
});

test("a stop with less grace shortens the one that waits", { timeout: 30_000 }, async () => {
  await using host = await RecordingContainerHost.open();
  const containers = openContainers(host.parts);
  const id = await running(host);
  const patient = containers.stop(id, 60_000, never);
  await sleep(10);
  assert.deepEqual(host.kills, ["SIGTERM"]);
  await Promise.all([patient, containers.stop(id, 10, never)]);
  assert.deepEqual(host.kills, ["SIGTERM", "SIGKILL"]);
});

test("a container that obeys its stop signal is not killed", async () => {
  await using host = await RecordingContainerHost.open();
  host.deadly.add("SIGTERM");
  const id = await running(host);
  await openContainers(host.parts).stop(id, 60_000, never);
  assert.deepEqual(host.kills, ["SIGTERM"]);
});

test("a process that can't be started leaves a status that says so", async () => {
  await using host = await RecordingContainerHost.open();
  host.startFails = true;
  host.watchExits();
  const containers = openContainers(host.parts);
  const id = await containers.create(podId, containerConfig("web"), never);
  await assert.rejects(containers.start(id, never), /starting container web/);
  const { state } = containers.get(id);
  assert.ok(state.kind === "exited" && state.reason === "StartError" && state.exitCode === 128);
  assert.match(state.message, /exec format error/);
});

test("a pod that is being stopped takes no containers, and those in the making are undone", async () => {
  await using host = await RecordingContainerHost.open();
  const containers = openContainers(host.parts);
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  host.atPoint = async (point) => {
    if (point !== "CreateContainer/bundle/before") return;
    reached.resolve();
    await gate.promise;
  };
  const create = containers.create(podId, containerConfig("web"), never);
  create.catch(() => undefined);
  await reached.promise;
  host.podRefuses = "is being stopped";
  const stopping = stopAllOfPod(podId, host.parts);
  await assert.rejects(containers.create(podId, containerConfig("late"), never), (error) =>
    isFault(error, "wrongState"),
  );
  gate.resolve();
  await stopping;
  await assert.rejects(create);
  assert.deepEqual(host.traces(), []);
  assert.equal(host.parts.book.records.size, 0);
});

test("what is not here is told, and an unknown id counts as stopped and removed", async () => {
  await using host = await RecordingContainerHost.open();
  const containers = openContainers(host.parts);
  const absent = { ...containerConfig("web"), image: { ...containerConfig("web").image, image: "absent" } };
  await assert.rejects(containers.create(podId, absent, never), (error) => isFault(error, "notFound"));
  await containers.stop("f".repeat(64), 0, never);
  await containers.remove("f".repeat(64), never);
  assert.throws(() => containers.get("f".repeat(64)), /no container/);
});

test("recovery finds unrecorded starts, ends containers of another boot, finishes removals", async () => {
  await using host = await RecordingContainerHost.open();
  host.watchExits();
  const containers = openContainers(host.parts);
  const { records } = host.parts.book;
  const create = (name: string) => containers.create(podId, containerConfig(name), never);
  const [started, old, leaving, cut] = [
    await create("a"),
    await create("b"),
    await create("c"),
    await create("d"),
  ];
  await records.put(old, { ...containers.get(old), bootId: "an earlier boot" as never });
  const live = [...liveContainers(host.parts.book)].map(({ id }) => id);
  assert.ok(live.includes(started) && !live.includes(old), "no monitor is asked for one of another boot");
  await containers.remove(leaving, never);
  await records.put(cut, { ...containers.get(cut), state: { kind: "making" } });
  await recoverContainers(host.parts);
  assert.equal(records.get(started)?.state.kind, "running");
  const { state } = containers.get(old);
  assert.ok(state.kind === "exited" && state.exitCode === 255);
  assert.equal(records.get(cut), undefined);
});

test("on a host with SELinux what is mounted for a container has its label", async () => {
  await using host = await RecordingContainerHost.open();
  host.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2";
  await createContainer(podId, containerConfig("web"), host.parts);
  const overlays = host.mounts.table.filter(({ type }) => type === "overlay");
  assert.equal(overlays.length, 2, "the root and the image volume");
  for (const { options } of overlays) assert.ok(options.includes(`context="${host.mountLabel}"`), options);
});
