import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import pino from "pino";
import { type FaultKind, isFault } from "../base/fault.ts";
import type { Digest, ImageId } from "../base/ids.ts";
import type { ImageRecord } from "../image/contract.ts";
import { BerthService } from "../wire/gen/berth.v1.ts";
import * as cri from "../wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../wire/grpc/client.ts";
import type { Calls } from "../wire/grpc/method.ts";
import type { GrpcServer } from "../wire/grpc/server.ts";
import { decodeContainerConfig } from "./convert/decode-container-config.ts";
import { createApiServer } from "./server.ts";
import { NodeInMemory } from "./testing/node-in-memory.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "./testing/requests.ts";

let directory: string;
let node: NodeInMemory;
let server: GrpcServer;
let connection: Connection;
let client: {
  runtime: Calls<typeof cri.RuntimeServiceService>;
  images: Calls<typeof cri.ImageServiceService>;
  berth: Calls<typeof BerthService>;
};
let logged: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-api-"));
  const socket = join(directory, "berth.sock");
  node = new NodeInMemory(socket);
  logged = "";
  const write = (line: string) => {
    logged += line;
  };
  const log = pino({ level: "trace" }, { write });
  server = createApiServer(node.parts(log));
  await server.listen();
  connection = connect(socket);
  client = {
    runtime: connection.calls(cri.RuntimeServiceService),
    images: connection.calls(cri.ImageServiceService),
    berth: connection.calls(BerthService),
  };
});

afterEach(async () => {
  connection.close();
  await server.stop(1000);
  await rm(directory, { recursive: true, force: true });
});

function refused(call: Promise<unknown>, kind: FaultKind, message: RegExp): Promise<void> {
  return assert.rejects(call, (error) => {
    assert.ok(isFault(error, kind), String(error));
    assert.match(error.message, message);
    return true;
  });
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of stream) found.push(item);
  return found;
}

async function runPod(): Promise<string> {
  return (await client.runtime.runPodSandbox({ config: wholePodSandboxConfig() })).podSandboxId;
}

async function createContainer(podSandboxId: string): Promise<string> {
  const config = wholeContainerConfig();
  return (await client.runtime.createContainer({ podSandboxId, config })).containerId;
}

test("Version has all four fields, Status its conditions, handlers and features", async () => {
  assert.deepEqual(await client.runtime.version({ version: "v1" }), {
    version: "0.1.0",
    runtimeName: "berth",
    runtimeVersion: "0.1.0",
    runtimeApiVersion: "v1",
  });
  node.networkProblem = "no network is configured";
  const { status, info, runtimeHandlers, features } = await client.runtime.status({ verbose: true });
  assert.deepEqual(status?.conditions, [
    { type: "RuntimeReady", status: true, reason: "", message: "" },
    {
      type: "NetworkReady",
      status: false,
      reason: "NetworkPluginNotReady",
      message: "no network is configured",
    },
  ]);
  assert.deepEqual(
    runtimeHandlers.map(({ name }) => name),
    ["", "crun"],
  );
  assert.equal(features?.supplementalGroupsPolicy, true);
  assert.equal(JSON.parse(info.config ?? "").stateDir, node.config.state);
  assert.equal(JSON.parse(info.daemon ?? "").startedAt, "1");
  assert.deepEqual((await client.runtime.status({})).info, {});
});

test("RuntimeConfig and UpdateRuntimeConfig", async () => {
  assert.equal((await client.runtime.runtimeConfig({})).linux?.cgroupDriver, cri.CgroupDriver.CGROUPFS);
  const update = (podCidr: string) =>
    client.runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } });
  await update("10.1.0.0/24,fd00::/64");
  assert.deepEqual(node.cidrs, ["10.1.0.0/24", "fd00::/64"]);
  await refused(update("10.1.0.0/33"), "invalid", /^runtime_config.network_config.pod_cidr: /);
});

test("a pod's life", async () => {
  const id = await runPod();
  const { status, info, timestamp } = await client.runtime.podSandboxStatus({
    podSandboxId: id.slice(0, 12),
    verbose: true,
  });
  assert.deepEqual(status?.network, { ip: "10.1.0.2", additionalIps: [{ ip: "fd00::2" }] });
  assert.equal(status?.state, cri.PodSandboxState.SANDBOX_READY);
  assert.ok(timestamp > (status?.createdAt ?? 0n));
  assert.deepEqual(JSON.parse(info.info ?? "").timeline, [{ step: "network", ms: 3 }]);

  const list = async (filter: Partial<cri.PodSandboxFilter>) =>
    (await client.runtime.listPodSandbox({ filter: cri.PodSandboxFilter.create(filter) })).items.length;
  assert.equal(await list({}), 1);
  assert.equal(await list({ id: id.slice(0, 8), labelSelector: { app: "web" } }), 1);
  assert.equal(await list({ labelSelector: { app: "other" } }), 0);
  assert.equal(await list({ state: { state: cri.PodSandboxState.SANDBOX_NOTREADY } }), 0);
  await refused(list({ state: { state: 7 as cri.PodSandboxState } }), "invalid", /^filter.state.state: 7/);

  await client.runtime.stopPodSandbox({ podSandboxId: id });
  assert.equal(await list({ state: { state: cri.PodSandboxState.SANDBOX_NOTREADY } }), 1);
  await client.runtime.removePodSandbox({ podSandboxId: id });
  await client.runtime.removePodSandbox({ podSandboxId: id });
  assert.equal(await list({}), 0);
  await refused(client.runtime.podSandboxStatus({ podSandboxId: id }), "notFound", /no pod sandbox/);
  await refused(client.runtime.stopPodSandbox({}), "invalid", /^pod_sandbox_id: missing$/);
});

test("a container's life", async () => {
  const pod = await runPod();
  const id = await createContainer(pod);
  const status = async () => (await client.runtime.containerStatus({ containerId: id })).status;
  assert.equal((await status())?.state, cri.ContainerState.CONTAINER_CREATED);
  assert.equal((await status())?.startedAt, 0n);

  await client.runtime.startContainer({ containerId: id });
  const running = await status();
  assert.equal(running?.state, cri.ContainerState.CONTAINER_RUNNING);
  assert.equal(running?.image?.image, "busybox:1.36");
  assert.equal(running?.imageRef, "r.example/busybox@sha256:1");
  assert.equal(running?.mounts[0]?.recursiveReadOnly, true);
  assert.equal(running?.user?.linux?.uid, 1000n);
  assert.equal(running?.stopSignal, cri.Signal.SIGNAL_SIGTERM);

  const linux = cri.LinuxContainerResources.create({ cpuShares: 99n });
  await client.runtime.updateContainerResources({ containerId: id, linux });
  const after = (await status())?.resources?.linux;
  assert.equal(after?.cpuShares, 99n);
  assert.equal(after?.oomScoreAdj, -997n);

  const verbose = await client.runtime.containerStatus({ containerId: id, verbose: true });
  const shown = JSON.parse(verbose.info.info ?? "");
  assert.equal(shown.pid, 11);
  assert.equal(shown.sandboxID, pod);
  assert.deepEqual(shown.runtimeSpec, { ociVersion: "1.0.0" });

  await client.runtime.stopContainer({ containerId: id, timeout: 10n });
  const exited = await status();
  assert.equal(exited?.state, cri.ContainerState.CONTAINER_EXITED);
  assert.deepEqual([exited?.exitCode, exited?.reason, exited?.message], [143, "Error", "after 10000 ms"]);
  assert.ok(exited && exited.finishedAt > exited.startedAt && exited.startedAt > exited.createdAt);
  await client.runtime.removeContainer({ containerId: id });
  await refused(client.runtime.containerStatus({ containerId: id }), "notFound", /no container/);
});

test("ExecSync passes time and output on, within one message", async () => {
  const containerId = await createContainer(await runPod());
  const small = await client.runtime.execSync({ containerId, cmd: ["5"], timeout: 2n });
  assert.deepEqual(
    [small.exitCode, Buffer.from(small.stdout).toString(), Buffer.from(small.stderr).toString()],
    [3, "ooooo", "2000"],
  );
  const large = await client.runtime.execSync({ containerId, cmd: [`${20 << 20}`] });
  assert.equal(large.stdout.length, (16 << 20) - 64);
  await refused(client.runtime.execSync({ containerId }), "invalid", /^cmd: missing$/);
  await refused(
    client.runtime.execSync({ containerId, cmd: ["x"], timeout: -1n }),
    "invalid",
    /^timeout: -1 is negative$/,
  );
});

test("the figures of containers and pods", async () => {
  const pod = await runPod();
  const running = await createContainer(pod);
  const created = await createContainer(pod);
  await client.runtime.startContainer({ containerId: running });
  const { stats } = await client.runtime.listContainerStats({});
  assert.deepEqual(
    stats.map((at) => at.attributes?.id),
    [running],
  );
  assert.equal(stats[0]?.cpu?.usageCoreNanoSeconds?.value, 7n);
  assert.equal(stats[0]?.memory?.workingSetBytes?.value, 8n);
  assert.equal(stats[0]?.swap, undefined);
  const single = await client.runtime.containerStats({ containerId: created });
  assert.equal(single.stats?.attributes?.metadata?.name, "main");
  assert.equal(single.stats?.cpu, undefined);
  const ofPod = (await client.runtime.podSandboxStats({ podSandboxId: pod })).stats?.linux;
  assert.equal(ofPod?.network?.defaultInterface?.name, "eth0");
  assert.deepEqual(
    ofPod?.network?.interfaces.map(({ name }) => name),
    ["eth1"],
  );
  assert.equal(ofPod?.process?.processCount?.value, 2n);
  assert.equal(ofPod?.containers.length, 1);
  assert.equal((await client.runtime.listPodSandboxStats({})).stats.length, 1);
  assert.equal((await collect(client.runtime.streamContainerStats({})))[0]?.containerStats.length, 1);
  assert.equal((await collect(client.runtime.streamPodSandboxStats({})))[0]?.podSandboxStats.length, 1);
  assert.equal((await client.images.imageFsInfo({})).imageFilesystems[0]?.usedBytes?.value, 10n);
});

test("streamed lists come in pages and end; an empty one has no message", async () => {
  assert.deepEqual(await collect(client.runtime.streamContainers({})), []);
  const pod = await runPod();
  const { containers } = node.parts(pino({ enabled: false }));
  const config = decodeContainerConfig(wholeContainerConfig(), "config");
  const { signal } = new AbortController();
  for (let count = 0; count < 450; count++) await containers.create(pod, config, signal);
  const found = await collect(client.runtime.streamContainers({}));
  assert.deepEqual(
    found.map((message) => message.containers.length),
    [200, 200, 50],
  );
  assert.equal(new Set(found.flatMap((message) => message.containers.map(({ id }) => id))).size, 450);
  assert.equal((await collect(client.runtime.streamPodSandboxes({})))[0]?.podSandboxes[0]?.id, pod);
});

test("images: list, status, pull by id, remove", async () => {
  node.imageRecords.set("busybox:1", imageRecord("0:0"));
  node.imageRecords.set("sha256:abc", imageRecord("nobody:nogroup"));
  const spec = (name: string) => cri.ImageSpec.create({ image: name });
  assert.equal((await client.images.listImages({})).images.length, 2);
  assert.equal((await client.images.listImages({ filter: { image: spec("busybox:1") } })).images.length, 1);
  assert.equal((await client.images.listImages({ filter: { image: spec("other") } })).images.length, 0);
  assert.equal((await collect(client.images.streamImages({})))[0]?.images.length, 2);
  const { image: first, info } = await client.images.imageStatus({ image: spec("busybox:1"), verbose: true });
  assert.deepEqual([first?.uid, first?.username, first?.size], [{ value: 0n }, "", 42n]);
  assert.equal(JSON.parse(info.info ?? "").imageSpec.os, "linux");
  const named = await client.images.imageStatus({ image: spec("sha256:abc") });
  assert.deepEqual([named.image?.uid, named.image?.username], [undefined, "nobody"]);
  assert.equal((await client.images.imageStatus({ image: spec("other") })).image, undefined);
  await refused(client.images.imageStatus({}), "invalid", /^image: missing$/);
  assert.equal((await client.images.pullImage({ image: spec("busybox:1") })).imageRef, "sha256:id");
  await client.images.removeImage({ image: spec("busybox:1") });
  await client.images.removeImage({ image: spec("busybox:1") });
});

function imageRecord(User: string): ImageRecord {
  return {
    id: "sha256:id" as ImageId,
    tags: ["docker.io/library/busybox:1"],
    digests: [],
    manifest: { digest: "sha256:m" as Digest, mediaType: "", size: 1 },
    config: { os: "linux", architecture: "amd64", config: { User } } as ImageRecord["config"],
    layers: [],
    size: 42,
    pulledAt: 1n,
    pinned: false,
    snapshotter: "overlay",
    durable: "synced",
  };
}

test("a failed call is logged once, with whom it is about and without any secret", async () => {
  const auth = cri.AuthConfig.create({ username: "user", password: "s3cret", identityToken: "t0ken" });
  await refused(
    client.images.pullImage({ image: cri.ImageSpec.create({ image: "r.example/private" }), auth }),
    "unauthenticated",
    /^pulling r.example\/private: 401$/,
  );
  assert.deepEqual(node.auth, { username: "user", password: "s3cret", identityToken: "t0ken" });
  const lines = logged.trimEnd().split("\n");
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? "");
  assert.equal(line.rpc, "PullImage");
  assert.equal(line.image, "r.example/private");
  assert.equal(line.kind, "unauthenticated");
  assert.doesNotMatch(logged, /s3cret|t0ken/);
});

test("what is not there yet says so", async () => {
  await refused(client.runtime.exec({}), "unimplemented", /^berth does not implement Exec yet$/);
  await refused(client.runtime.listMetricDescriptors({}), "unimplemented", /ListMetricDescriptors/);
  await refused(
    collect(client.runtime.streamPodSandboxMetrics({})),
    "unimplemented",
    /StreamPodSandboxMetrics/,
  );
});

test("berth's own API: info, pull with progress, import", async () => {
  node.imageRecords.set("busybox:1", imageRecord(""));
  const info = await client.berth.info({});
  assert.deepEqual(
    [info.version, info.handlers[0]?.default, info.setAside[0]?.reason],
    ["0.1.0", true, "half a row"],
  );
  const steps = await collect(client.berth.pullImage({ reference: "busybox:1" }));
  assert.deepEqual(
    steps.map(({ step }) => step?.$case),
    ["resolving", "layer", "image"],
  );
  await refused(collect(client.berth.pullImage({ reference: "other:1" })), "unauthenticated", /401/);
  assert.equal((await client.berth.import({ path: "/x.tar" })).images.length, 1);
  await refused(client.berth.import({ path: "x.tar" }), "invalid", /^path: /);
  await refused(client.berth.export({ path: "/x.tar" }), "invalid", /^references: missing$/);
});

test("bytes that are no request are refused as one that is invalid", async () => {
  const method = cri.RuntimeServiceService.runPodSandbox;
  const raw = {
    ...method,
    requestSerialize: ({ bytes }: { bytes: Buffer }) => bytes,
    requestDeserialize: (bytes: Buffer) => ({ bytes }),
  };
  for (let length = 1; length < 60; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, at) => (at * 73 + length * 31) & 0xff));
    await assert.rejects(connection.calls({ raw }).raw({ bytes }), (error) => isFault(error, "invalid"));
  }
});
