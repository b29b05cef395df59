import { eachInTurn } from "../base/short-turns.ts";
import type { ContainerRecord } from "../container/state.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import type { ContainerReading } from "../stats/pod-metrics/contract.ts";
import { metrics } from "../stats/pod-metrics/descriptors.ts";
import { containerSamples, networkSamples } from "../stats/pod-metrics/samples.ts";
import { containerLabels, MetricsWriter, podLabels } from "./convert/encode-metrics.ts";
import type { MetricReadings } from "./parts.ts";
import type { PodStatsParts } from "./runtime/list-pod-sandbox-stats.ts";

/** The fields that hold messages with metrics. */
const podOfAnswer = 1;
const containerOfPod = 3;

/** Answers with one CRI PodSandboxMetrics each, of all pods that are ready: all figures read in two goes. */
export async function readPodMetrics(
  { podSandboxes, containers, figures }: PodStatsParts,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const pods = [...podSandboxes.list()].filter(({ state }) => state.kind === "ready");
  const inside = pods.map((pod) => [...containers.ofPod(pod.id)]);
  const running = inside.flat().filter(({ state }) => state.kind === "running");
  const [networks, readings] = await Promise.all([
    figures.metrics.networks(pods, signal),
    figures.metrics.containers(running, signal),
  ]);
  const encoded: Uint8Array[] = [];
  const writer = new MetricsWriter();
  await eachInTurn(pods.entries(), signal, ([index, pod]) => {
    const opened = writer.open(podOfAnswer, pod.id, podLabels(pod));
    networkSamples(networks.get(pod.id)?.interfaces ?? [], writer.emit);
    for (const record of inside[index] ?? [])
      writeContainer(record, pod, readings.get(record.id), figures.metrics, writer);
    writer.close(opened);
    encoded.push(writer.take());
  });
  return encoded;
}

function writeContainer(
  record: ContainerRecord,
  pod: PodSandboxRecord,
  reading: ContainerReading | undefined,
  { oomKills, deviceName }: MetricReadings,
  writer: MetricsWriter,
): void {
  const { id, state, resources } = record;
  // A container killed for want of memory has mostly ended by the time that anyone looks: its count stays to be seen.
  const isKilled = state.kind === "exited" && state.reason === "OOMKilled";
  const kills = state.kind === "exited" ? (oomKills(record) ?? Number(isKilled)) : 0;
  if (kills === 0 && (state.kind !== "running" || reading === undefined)) return;
  const opened = writer.open(containerOfPod, id, containerLabels(pod, record));
  if (state.kind === "running" && reading !== undefined)
    containerSamples({ startedAt: state.startedAt, resources }, reading, deviceName, writer.emit);
  else writer.emit(metrics.oomEventsTotal, kills);
  writer.close(opened);
}
