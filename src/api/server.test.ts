import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import pino from "pino";
import * as cri from "../wire/gen/runtime.v1.ts";
import { decodeContainerConfig } from "./convert/decode-container-config.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "./testing/requests.ts";
import { collect, refused, type Serving, serve } from "./testing/serving.ts";

let client: Serving;
beforeEach(async () => {
  client = await serve();
});
afterEach(() => client[Symbol.asyncDispose]());

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
  client.node.networkProblem = "no network is configured";
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
  assert.equal(JSON.parse(info.config ?? "").stateDir, client.node.config.state);
  assert.equal(JSON.parse(info.daemon ?? "").startedAt, "1");
  assert.deepEqual((await client.runtime.status({})).info, {});
});

test("RuntimeConfig and UpdateRuntimeConfig", async () => {
  assert.equal((await client.runtime.runtimeConfig({})).linux?.cgroupDriver, cri.CgroupDriver.CGROUPFS);
  const update = (podCidr: string) =>
    client.runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } });
  await update("10.1.0.0/24,fd00::/64");
  assert.deepEqual(client.node.cidrs, ["10.1.0.0/24", "fd00::/64"]);
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
  const { containers } = client.node.parts(pino({ enabled: false }));
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
