import type { Bytes, UnixNanos } from "../../base/units.ts";
import type { ContainerRecord } from "../../container/state.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import { baseLabels, type MetricDescriptor, metrics } from "../../stats/pod-metrics/descriptors.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodeContainerImage } from "./encode-container.ts";

/** Fields of protobuf messages that are written by hand: number times eight, and the wire type. */
const lengthDelimited = 2;
const idOfMessage = 1;
const metricsOfMessage = (2 << 3) | lengthDelimited;
const timestampOfMetric = 2 << 3;
const labelOfMetric = (4 << 3) | lengthDelimited;
const valueOfMetric = (5 << 3) | lengthDelimited;
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

/** Answers lie in blocks of this, one after the other: a buffer for each would have garbage collected all the time. */
const blockSize: Bytes = 128 << 10;
/** Where the length of a message will be written: as many bytes as 256 MiB need. */
const lengthRoom: Bytes = 4;
/** More than the tags and lengths around a message or a figure take, and an id. */
const idRoom: Bytes = 128;

/**
 * Puts figures together as an answer with CRI PodSandboxMetrics. A container has eighty, of which only a few bytes each are
 * its own: written by hand, at a tenth of what messages take.
 */
export class MetricsWriter {
  #block = Buffer.allocUnsafeSlow(blockSize);
  /** Where the answer that is being written begins. */
  #start = 0;
  #end = 0;
  #common: Uint8Array = new Uint8Array();

  /** Begins the answer of one pod, or within it the message of one container. Its figures follow. @returns for `close` */
  open(field: number, id: string, common: Uint8Array): number {
    this.#reserve(idRoom);
    this.#byte((field << 3) | lengthDelimited);
    const begin = this.#end - this.#start;
    this.#end += lengthRoom;
    this.#byte((idOfMessage << 3) | lengthDelimited);
    this.#text(id);
    this.#common = common;
    return begin;
  }

  /** Ends what was opened last. */
  close(opened: number): void {
    const begin = this.#start + opened;
    const body = begin + lengthRoom;
    const length = this.#end - body;
    const after = begin + varintSize(length);
    this.#block.copyWithin(after, body, this.#end);
    this.#end = begin;
    this.#varint(length);
    this.#end = after + length;
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
    const time = at === 0n ? 0 : 1 + varintSize(Number(at));
    const inner = count === 0 ? 0 : 1 + varintSize(count);
    let size = head.length + this.#common.length + time + 2 + inner;
    for (const label of labels) size += textSize(label);
    this.#reserve(size + idRoom);
    this.#byte(metricsOfMessage);
    this.#varint(size);
    this.#bytes(head);
    if (time > 0) {
      this.#byte(timestampOfMetric);
      this.#varint(Number(at));
    }
    this.#bytes(this.#common);
    for (const label of labels) {
      this.#byte(labelOfMetric);
      this.#text(label);
    }
    this.#byte(valueOfMetric);
    this.#byte(inner);
    if (inner > 0) {
      this.#byte(valueOfUInt64);
      this.#varint(count);
    }
  };

  /** The answer that was written and closed. */
  take(): Uint8Array {
    const answer = this.#block.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return answer;
  }

  /** Moves what is being written to a block that has room for more. */
  #reserve(room: Bytes): void {
    if (this.#end + room <= this.#block.length) return;
    const written = this.#end - this.#start;
    const block = Buffer.allocUnsafeSlow(Math.max(blockSize, 2 * (written + room)));
    this.#block.copy(block, 0, this.#start, this.#end);
    this.#block = block;
    this.#start = 0;
    this.#end = written;
  }

  #text(text: string): void {
    this.#varint(Buffer.byteLength(text));
    this.#end += this.#block.write(text, this.#end);
  }

  #bytes(bytes: Uint8Array): void {
    this.#block.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #byte(value: number): void {
    this.#block[this.#end++] = value;
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

/** With its tag and length. */
function textSize(text: string): Bytes {
  const length = Buffer.byteLength(text);
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): Bytes {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
