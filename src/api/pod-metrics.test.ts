import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { ContainerId } from "../base/ids.ts";
import { containerExited } from "../container/state.ts";
import { type Metric, MetricType, type PodSandboxMetrics } from "../wire/gen/runtime.v1.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "./testing/requests.ts";
import { collect, type Serving, serve } from "./testing/serving.ts";

/** What critest expects of a runtime, after `container_`: the names that dashboards ask for. */
const expectedNames = `
  blkio_device_usage_total last_seen oom_events_total start_time_seconds
  file_descriptors processes sockets threads threads_max ulimits_soft
  cpu_cfs_periods_total cpu_cfs_throttled_periods_total cpu_cfs_throttled_seconds_total
  cpu_system_seconds_total cpu_usage_seconds_total cpu_user_seconds_total
  fs_inodes_free fs_inodes_total fs_limit_bytes fs_usage_bytes
  fs_reads_bytes_total fs_reads_total fs_writes_bytes_total fs_writes_total
  hugetlb_max_usage_bytes hugetlb_usage_bytes
  memory_cache memory_failcnt memory_failures_total memory_kernel_usage memory_mapped_file
  memory_max_usage_bytes memory_rss memory_swap memory_usage_bytes memory_working_set_bytes
  network_receive_bytes_total network_receive_errors_total network_receive_packets_dropped_total
  network_receive_packets_total network_transmit_bytes_total network_transmit_errors_total
  network_transmit_packets_dropped_total network_transmit_packets_total
  pressure_cpu_stalled_seconds_total pressure_cpu_waiting_seconds_total
  pressure_io_stalled_seconds_total pressure_io_waiting_seconds_total
  pressure_memory_stalled_seconds_total pressure_memory_waiting_seconds_total
  spec_cpu_period spec_cpu_quota spec_cpu_shares
  spec_memory_limit_bytes spec_memory_reservation_limit_bytes spec_memory_swap_limit_bytes
`;
const names = expectedNames
  .trim()
  .split(/\s+/)
  .map((name) => `container_${name}`)
  .toSorted();

let client: Serving;
let podId: string;
let containerId: string;
beforeEach(async () => {
  client = await serve();
  podId = (await client.runtime.runPodSandbox({ config: wholePodSandboxConfig() })).podSandboxId;
  const config = wholeContainerConfig();
  containerId = (await client.runtime.createContainer({ podSandboxId: podId, config })).containerId;
  await client.runtime.startContainer({ containerId });
});
afterEach(() => client[Symbol.asyncDispose]());

async function read(): Promise<PodSandboxMetrics> {
  const { podMetrics } = await client.runtime.listPodSandboxMetrics({});
  assert.equal(podMetrics.length, 1);
  assert.ok(podMetrics[0] !== undefined);
  return podMetrics[0];
}

/** `value` by the metric's name and its labels, as a line of Prometheus' text. */
async function lines(found: readonly Metric[]): Promise<Map<string, bigint | undefined>> {
  const { descriptors } = await client.runtime.listMetricDescriptors({});
  const keys = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]));
  return new Map(
    found.map(({ name, labelValues, value }) => {
      const labels = labelValues.map((label, index) => [keys.get(name)?.[index], label] as const);
      const own = labels.slice(6).map(([key, label]) => `${key}=${label}`);
      return [`${name.replace("container_", "")}{${own.join()}}`, value?.value];
    }),
  );
}

test("descriptors: every name that dashboards ask for, with help and labels, and always the same", async () => {
  const first = await client.runtime.listMetricDescriptors({});
  assert.deepEqual(first.descriptors.map(({ name }) => name).toSorted(), names);
  for (const { help, labelKeys } of first.descriptors) {
    assert.notEqual(help, "");
    assert.deepEqual(labelKeys.slice(0, 6), ["id", "name", "image", "namespace", "pod", "container"]);
  }
  assert.deepEqual(await client.runtime.listMetricDescriptors({}), first);
});

test("every metric has a value with as many labels as its descriptor, and its type", async () => {
  const { descriptors } = await client.runtime.listMetricDescriptors({});
  const { podSandboxId, metrics, containerMetrics } = await read();
  assert.equal(podSandboxId, podId);
  assert.deepEqual(
    containerMetrics.map((of) => of.containerId),
    [containerId],
  );
  const all = [...metrics, ...(containerMetrics[0]?.metrics ?? [])];
  assert.deepEqual([...new Set(all.map(({ name }) => name))].toSorted(), names);
  const labels = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys.length]));
  for (const { name, labelValues, metricType, timestamp } of all) {
    assert.equal(labelValues.length, labels.get(name), name);
    const counts = /(_total|_failcnt)$/.test(name) && name !== "container_fs_inodes_total";
    assert.equal(metricType, counts ? MetricType.COUNTER : MetricType.GAUGE, name);
    // read just now, but for what a layer takes
    assert.equal(timestamp, name === "container_fs_usage_bytes" ? 5n : 0n, name);
  }
});

test("the labels tell cgroup, container, image and pod; a pod's own have no image and no container", async () => {
  const { metrics, containerMetrics } = await read();
  const pod = wholePodSandboxConfig().metadata;
  const { metadata, image } = wholeContainerConfig();
  const record = client.node.containerRecords.get(containerId as ContainerId);
  assert.deepEqual(containerMetrics[0]?.metrics[0]?.labelValues, [
    record?.cgroup,
    containerId,
    image?.userSpecifiedImage,
    pod?.namespace,
    pod?.name,
    metadata?.name,
  ]);
  assert.deepEqual(metrics[0]?.labelValues, ["/berth/pod", podId, "", pod?.namespace, pod?.name, "", "eth0"]);
});

test("values: whole seconds, large ones, labels of their own", async () => {
  const { metrics, containerMetrics } = await read();
  const of = await lines(containerMetrics[0]?.metrics ?? []);
  assert.equal(of.get("cpu_usage_seconds_total{cpu=total}"), 7n);
  assert.equal(of.get("cpu_user_seconds_total{}"), 3n);
  assert.equal(of.get("pressure_io_waiting_seconds_total{}"), 2n);
  assert.equal(of.get("hugetlb_max_usage_bytes{pagesize=2MB}"), 2n ** 40n + 1n);
  assert.equal(of.get("threads_max{}"), 0n);
  assert.equal(of.get("memory_swap{}"), 0n);
  assert.equal(of.get("memory_failures_total{failure_type=pgfault,scope=container}"), 25n);
  assert.equal(of.get("memory_failures_total{failure_type=pgmajfault,scope=hierarchy}"), 28n);
  const io = "device=/dev/disk-254:0";
  assert.equal(of.get(`fs_reads_bytes_total{${io}}`), 11n);
  assert.equal(of.get(`blkio_device_usage_total{${io},major=254,minor=0,operation=Read}`), 11n);
  assert.equal(of.get("fs_usage_bytes{device=/dev/vda1}"), 39n);
  assert.equal(of.get("ulimits_soft{ulimit=max_open_files}"), 35n);
  const ofPod = await lines(metrics);
  assert.equal(ofPod.get("network_receive_packets_dropped_total{interface=eth0}"), 3n);
  assert.equal(ofPod.get("network_transmit_packets_total{interface=eth1}"), 4n);
  assert.equal([...ofPod.keys()].filter((line) => line.includes("interface=lo")).length, 0);
});

test("an ended container has no metrics, but for the kills that it died of", async () => {
  const id = containerId as ContainerId;
  const record = client.node.containerRecords.get(id);
  assert.ok(record !== undefined);
  const exit = { exitCode: 137, reason: "OOMKilled", message: "", finishedAt: 9n } as const;
  client.node.containerRecords.set(id, containerExited(record, exit));
  assert.deepEqual((await read()).containerMetrics, []);
  client.node.oomKills = 2;
  const [ended] = (await read()).containerMetrics;
  assert.deepEqual([...(await lines(ended?.metrics ?? []))], [["oom_events_total{}", 2n]]);
});

test("streamed metrics are the listed ones; pods that are not ready have none", async () => {
  await client.runtime.runPodSandbox({ config: wholePodSandboxConfig() });
  const streamed = await collect(client.runtime.streamPodSandboxMetrics({}));
  assert.deepEqual(
    streamed.map(({ podSandboxMetrics }) => podSandboxMetrics.length),
    [2],
  );
  for (const podSandboxId of client.node.pods.keys()) await client.runtime.stopPodSandbox({ podSandboxId });
  assert.deepEqual((await client.runtime.listPodSandboxMetrics({})).podMetrics, []);
  assert.deepEqual(await collect(client.runtime.streamPodSandboxMetrics({})), []);
});
