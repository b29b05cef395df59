import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { describeFault, isFault } from "../base/fault.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { NamespaceOptions } from "../spec/cri/security.ts";
import { recoverPodSandboxes } from "./recover.ts";
import { openPodSandboxes } from "./sandboxes.ts";
import { podConfig, RecordingPodHost } from "./testing/recording-host.ts";

const never = new AbortController().signal;

test("repeats join the run in flight, and later ones get its result", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const config = podConfig("web");
  const [one, two] = await Promise.all([pods.run(config, "", never), pods.run(podConfig("web"), "", never)]);
  assert.equal(one, two);
  assert.equal(await pods.run(config, "", never), one);
  assert.notEqual(await pods.run(podConfig("web", 1), "", never), one);
});

test("a repeat with another config is told what stands in the way, and how it differs", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const first = pods.run(podConfig("web"), "", never);
  const other = { ...podConfig("web"), hostname: "other" };
  await assert.rejects(
    pods.run(other, "", never),
    (error) => isFault(error, "alreadyExists") && /hostname/.test(error.message),
  );
  const id = await first;
  await assert.rejects(
    pods.run(other, "", never),
    (error) => isFault(error, "alreadyExists") && error.message.includes(id),
  );
});

test("a caller that leaves does not end the run", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const gate = Promise.withResolvers<void>();
  host.atPoint = (point) => (point === "RunPodSandbox/cgroup/before" ? gate.promise : undefined);
  await assert.rejects(pods.run(podConfig("web"), "", AbortSignal.timeout(20)), (error) =>
    isFault(error, "deadline"),
  );
  const repeat = pods.run(podConfig("web"), "", never);
  gate.resolve();
  assert.equal(pods.get(await repeat).state.kind, "ready");
});

test("a user namespace owns what is the pod's, and its root the pod's files", async () => {
  await using host = await RecordingPodHost.open();
  const config = withUsers(podConfig("web"));
  const id = await openPodSandboxes(host.parts).run(config, "", never);
  const [pins] = [...host.namespaces.pins.values()];
  assert.deepEqual([pins?.kinds, pins?.users], [["net", "uts", "ipc"], config.security.namespaces.user]);
  const { hosts, resolvConf, hostname } = host.parts.host.paths.pod(id);
  for (const path of [hosts, resolvConf, hostname]) {
    const { uid, gid } = statSync(path);
    assert.deepEqual([uid, gid], process.getuid?.() === 0 ? [100_000, 100_000] : [uid, gid], path);
  }
  const shm = host.mounts.table.find(({ target }) => target.endsWith("/shm"));
  assert.match(shm?.options ?? "", /uid=100000,gid=100000/);
});

test("a user namespace that can't be is refused: the pod is not run as the node's root", async () => {
  await using host = await RecordingPodHost.open();
  const run = (changes: Partial<NamespaceOptions>) => {
    const { security, ...config } = withUsers(podConfig("web"));
    const namespaces = { ...security.namespaces, ...changes };
    return openPodSandboxes(host.parts).run({ ...config, security: { ...security, namespaces } }, "", never);
  };
  await assert.rejects(run({ pid: "node" }), /namespace_options.pid is NODE/);
  await assert.rejects(run({ ipc: "node" }), (error) => isFault(error, "invalid"));
  host.userNamespaceProblem = "it is too old";
  await assert.rejects(
    run({}),
    (error) =>
      isFault(error, "unavailable") && /userns_options: .*"crun" here: it is too old/.test(error.message),
  );
  assert.equal(host.parts.book.records.size, 0);
});

function withUsers(config: PodSandboxConfig): PodSandboxConfig {
  const ids = { hostId: 100_000, containerId: 0, length: 65_536 };
  const namespaces = { ...config.security.namespaces, user: { uids: ids, gids: ids } };
  return { ...config, security: { ...config.security, namespaces } };
}

test("stop ends a run in flight, and nothing is left", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  host.atPoint = async (point) => {
    if (point !== "RunPodSandbox/cgroup/before") return;
    reached.resolve();
    await gate.promise;
  };
  const run = pods.run(podConfig("web"), "", never);
  run.catch(() => undefined);
  await reached.promise;
  const [record] = [...host.parts.book.records.values()];
  const stop = pods.stop(record?.id ?? "", never);
  gate.resolve();
  await stop;
  await assert.rejects(run, (error) => /is being stopped/.test(describeFault(error)));
  assert.deepEqual(host.traces(), []);
  assert.equal(host.parts.book.records.size, 0);
});

test("stop takes away all but the record; remove forgets it; both may be repeated", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const id = await pods.run(podConfig("web"), "", never);
  assert.notDeepEqual(host.traces(), []);
  await Promise.all([pods.stop(id, never), pods.stop(id, never)]);
  assert.deepEqual(host.traces(), []);
  assert.equal(pods.get(id).state.kind, "stopped");
  await Promise.all([pods.remove(id, never), pods.remove(id, never)]);
  assert.throws(() => pods.get(id), /no pod sandbox/);
  await pods.stop(id, never);
  await pods.remove(id, never);
});

test("a pod's end is told once, when a stop that failed has come to its end", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const told: string[] = [];
  host.parts.book.events.subscribe(({ kind }) => told.push(kind));
  const id = await pods.run(podConfig("web"), "", never);
  host.atPoint = (point) => {
    if (point === "StopPodSandbox/files/undo") throw new Error("planted");
  };
  await assert.rejects(pods.stop(id, never));
  assert.deepEqual(told, ["created", "started"]);
  host.atPoint = () => undefined;
  await pods.stop(id, never);
  await pods.stop(id, never);
  assert.deepEqual(told, ["created", "started", "stopped"]);
});

test("a network plugin that fails does not keep the pod", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const id = await pods.run(podConfig("web"), "", never);
  host.parts.host.network.detach = () => Promise.reject(new Error("the plugin is gone"));
  await pods.remove(id, never);
  assert.deepEqual([...host.abandoned], [id]);
  assert.deepEqual(host.traces(), []);
});

test("recovery undoes runs that were cut off, and stops pods of another boot", async () => {
  await using host = await RecordingPodHost.open();
  const pods = openPodSandboxes(host.parts);
  const { records } = host.parts.book;
  const [cut, old, fine] = await Promise.all(
    ["cut", "old", "fine"].map((name) => pods.run(podConfig(name), "", never)),
  );
  assert.ok(cut !== undefined && old !== undefined && fine !== undefined);
  await records.put(cut, { ...pods.get(cut), state: { kind: "making" } });
  await records.put(old, { ...pods.get(old), bootId: "an earlier boot" as never });
  await recoverPodSandboxes(host.parts);
  assert.equal(records.get(cut), undefined);
  assert.equal(records.get(old)?.state.kind, "stopped");
  assert.equal(records.get(fine)?.state.kind, "ready");
  assert.ok(host.traces().every((trace) => trace.includes(fine)));
});
