import type { Bytes, UnixNanos } from "../../base/units.ts";
import type { ContainerRecord } from "../../container/state.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import { baseLabels, type MetricDescriptor, metrics } from "../../stats/pod-metrics/descriptors.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodeContainerImage } from "./encode-container.ts";

/** Fields of protobuf messages that are written by hand: number times eight, and 2 for what has a length. */
const metricsOfMessage = (2 << 3) | 2;
const timestampOfMetric = 2 << 3;
const labelOfMetric = (4 << 3) | 2;
const valueOfMetric = (5 << 3) | 2;
const valueOfUInt64 = 1 << 3;

/** CRI MetricDescriptor of each metric. They never change. */
export function encodeDescriptors(): cri.MetricDescriptor[] {
  return Object.values(metrics).map(({ name, help, labels }) => ({
    name,
    help,
    labelKeys: [...baseLabels, ...labels],
  }));
}

/** Name and type of each metric, as every figure of it begins. */
const heads: ReadonlyMap<MetricDescriptor, Uint8Array> = new Map(
  Object.values(metrics).map((metric) => [metric, encodeHead(metric)]),
);

function encodeHead({ name, type }: MetricDescriptor): Uint8Array {
  const metricType = type === "counter" ? cri.MetricType.COUNTER : cri.MetricType.GAUGE;
  const message = { name, timestamp: 0n, metricType, labelValues: [], value: undefined };
  return cri.Metric.encode(message).finish();
}

/** The values of the labels that all metrics of a container have. */
export function containerLabels(pod: PodSandboxRecord, container: ContainerRecord): Uint8Array {
  const { namespace, name } = pod.config.metadata;
  const { image } = encodeContainerImage(container);
  return encodeLabels([
    container.cgroup,
    container.id,
    image,
    namespace,
    name,
    container.config.metadata.name,
  ]);
}

/** The same of a pod itself: it has neither image nor container. */
export function podLabels({ id, cgroup, config }: PodSandboxRecord): Uint8Array {
  return encodeLabels([cgroup, id, "", config.metadata.namespace, config.metadata.name, ""]);
}

function encodeLabels(labelValues: string[]): Uint8Array {
  const message = {
    name: "",
    timestamp: 0n,
    metricType: cri.MetricType.COUNTER,
    labelValues,
    value: undefined,
  };
  return cri.Metric.encode(message).finish();
}

/** Where one figure may need at most this, beyond its labels. */
const fixedRoom: Bytes = 64;

/**
 * Puts figures together as the metrics of a CRI PodSandboxMetrics or ContainerMetrics, which have them in the same field.
 * A container has eighty, of which only a few bytes each are its own: written by hand, at a tenth of what messages take.
 */
export class MetricsWriter {
  #buffer = Buffer.allocUnsafe(32 << 10);
  #end = 0;
  #common: Uint8Array = new Uint8Array();

  /** The labels of the figures that follow. */
  labels(common: Uint8Array): void {
    this.#common = common;
  }

  readonly emit = (
    metric: MetricDescriptor,
    value: number | undefined,
    labels: readonly string[] = [],
    at: UnixNanos = 0n,
  ): void => {
    const head = heads.get(metric);
    if (value === undefined || head === undefined) return;
    const count = Math.max(0, Math.trunc(value));
    const ownLabels = labels.reduce((sum, label) => sum + labelSize(label), 0);
    const time = at === 0n ? 0 : 1 + varintSize(Number(at));
    const inner = count === 0 ? 0 : 1 + varintSize(count);
    const size = head.length + this.#common.length + ownLabels + time + 2 + inner;
    this.#reserve(size + fixedRoom);
    this.#byte(metricsOfMessage);
    this.#varint(size);
    this.#bytes(head);
    if (time > 0) {
      this.#byte(timestampOfMetric);
      this.#varint(Number(at));
    }
    this.#bytes(this.#common);
    for (const label of labels) this.#label(label);
    this.#byte(valueOfMetric);
    this.#byte(inner);
    if (inner > 0) {
      this.#byte(valueOfUInt64);
      this.#varint(count);
    }
  };

  /** What was put together since the last time. */
  take(): Uint8Array {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#end));
    this.#end = 0;
    return bytes;
  }

  #label(label: string): void {
    this.#byte(labelOfMetric);
    const length = Buffer.byteLength(label);
    this.#varint(length);
    this.#end += this.#buffer.write(label, this.#end);
  }

  #reserve(room: Bytes): void {
    if (this.#end + room <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * this.#buffer.length + room);
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }

  #bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #byte(value: number): void {
    this.#buffer[this.#end++] = value;
  }

  /** Seven bits at a time, the lowest first. Beyond 2^53 the last digits are lost, as in every metric. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }
}

function labelSize(label: string): Bytes {
  const length = Buffer.byteLength(label);
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): Bytes {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
