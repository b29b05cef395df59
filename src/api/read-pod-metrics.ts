import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { eachInTurn } from "../base/short-turns.ts";
import type { ContainerRecord } from "../container/state.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import { metrics } from "../stats/pod-metrics/descriptors.ts";
import { containerSamples, networkSamples } from "../stats/pod-metrics/samples.ts";
import { containerLabels, MetricsWriter, podLabels } from "./convert/encode-metrics.ts";
import type { MetricReadings } from "./parts.ts";
import type { PodStatsParts } from "./runtime/list-pod-sandbox-stats.ts";

/** Fields of the messages around the metrics. Their own are written by MetricsWriter. */
const podOfAnswer = 1;
const idOfMessage = 1;
const containerOfPod = 3;
const lengthDelimited = 2;

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
    writer.labels(podLabels(pod));
    networkSamples(networks.get(pod.id)?.interfaces ?? [], writer.emit);
    const ofPod = writer.take();
    const ofContainers = (inside[index] ?? []).flatMap((record) => {
      writer.labels(containerLabels(pod, record));
      writeContainer(record, readings, figures.metrics, writer);
      const written = writer.take();
      return written.length === 0 ? [] : [[record.id, written] as const];
    });
    encoded.push(encodePod(pod, ofPod, ofContainers));
  });
  return encoded;
}

function writeContainer(
  record: ContainerRecord,
  readings: Awaited<ReturnType<MetricReadings["containers"]>>,
  { oomKills, deviceName }: MetricReadings,
  { emit }: MetricsWriter,
): void {
  const { state, resources } = record;
  if (state.kind === "running") {
    const reading = readings.get(record.id);
    if (reading === undefined) return;
    containerSamples({ startedAt: state.startedAt, resources }, reading, deviceName, emit);
  } else if (state.kind === "exited") {
    // A container killed for want of memory has mostly ended by the time that anyone looks: its count stays to be seen.
    const kills = oomKills(record) ?? 0;
    if (kills > 0) emit(metrics.oomEventsTotal, kills);
  }
}

function encodePod(
  { id }: PodSandboxRecord,
  metricsOfPod: Uint8Array,
  containers: readonly (readonly [id: string, metrics: Uint8Array])[],
): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(podOfAnswer, lengthDelimited).fork();
  writer.tag(idOfMessage, lengthDelimited).string(id).raw(metricsOfPod);
  for (const [containerId, ofContainer] of containers) {
    writer.tag(containerOfPod, lengthDelimited).fork();
    writer.tag(idOfMessage, lengthDelimited).string(containerId).raw(ofContainer).join();
  }
  return writer.join().finish();
}
