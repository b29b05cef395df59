import type { Bytes } from "../../base/units.ts";
import type {
  ContainerStats,
  CpuUsage,
  MemoryUsage,
  PodSandboxStats,
  UInt64Value,
} from "../../wire/gen/runtime.v1.ts";

/** What one container or pod uses. Undefined: the runtime does not tell. */
export interface Figures {
  readonly id: string;
  readonly name: string;
  /** Cores, as a share of one: 1.5 is one and a half. */
  readonly cores: number | undefined;
  readonly memory: Bytes | undefined;
  /** What it may use. */
  readonly memoryLimit: Bytes | undefined;
  /** Of writable layers. */
  readonly disk: Bytes | undefined;
  readonly inodes: number | undefined;
  readonly swap: Bytes | undefined;
  readonly received: Bytes | undefined;
  readonly sent: Bytes | undefined;
  readonly processes: number | undefined;
}

/** Figures of containers; `before` is an earlier answer, by which the use of processors is told. */
export function containerFigures(
  now: readonly ContainerStats[],
  before: readonly ContainerStats[],
): Figures[] {
  const earlier = new Map(before.map((stats) => [stats.attributes?.id, stats.cpu]));
  return now.map((stats) => ({
    id: stats.attributes?.id ?? "",
    name: stats.attributes?.metadata?.name ?? "",
    cores: coresOf(stats.cpu, earlier.get(stats.attributes?.id)),
    memory: numberOf(stats.memory?.workingSetBytes),
    memoryLimit: limitOf(stats.memory),
    disk: numberOf(stats.writableLayer?.usedBytes),
    inodes: numberOf(stats.writableLayer?.inodesUsed),
    swap: numberOf(stats.swap?.swapUsageBytes),
    received: undefined,
    sent: undefined,
    processes: undefined,
  }));
}

/**
 * Figures of pods. Their disk is that of their containers; so are their cores and memory where the runtime tells none of
 * the pod's own. Their network is that of all interfaces.
 */
export function podFigures(now: readonly PodSandboxStats[], before: readonly PodSandboxStats[]): Figures[] {
  const earlier = new Map(before.map((stats) => [stats.attributes?.id, stats.linux?.cpu]));
  return now.map(({ attributes, linux }) => {
    const containers = linux?.containers ?? [];
    const inside = containerFigures(
      containers,
      before.flatMap((pod) => pod.linux?.containers ?? []),
    );
    const { defaultInterface, interfaces = [] } = linux?.network ?? {};
    const all = new Map(
      [...interfaces, ...(defaultInterface ? [defaultInterface] : [])].map((at) => [at.name, at]),
    );
    return {
      id: attributes?.id ?? "",
      name: attributes?.metadata?.name ?? "",
      cores: coresOf(linux?.cpu, earlier.get(attributes?.id)) ?? sum(inside.map(({ cores }) => cores)),
      memory: numberOf(linux?.memory?.workingSetBytes) ?? sum(inside.map(({ memory }) => memory)),
      memoryLimit: limitOf(linux?.memory),
      disk: sum(inside.map(({ disk }) => disk)),
      inodes: sum(inside.map(({ inodes }) => inodes)),
      swap: sum(inside.map(({ swap }) => swap)),
      received: sum([...all.values()].map(({ rxBytes }) => numberOf(rxBytes))),
      sent: sum([...all.values()].map(({ txBytes }) => numberOf(txBytes))),
      processes: numberOf(linux?.process?.processCount),
    };
  });
}

/** By two readings where they differ in time, else as the runtime has it. */
function coresOf(now: CpuUsage | undefined, before: CpuUsage | undefined): number | undefined {
  const used = now?.usageCoreNanoSeconds?.value;
  const earlier = before?.usageCoreNanoSeconds?.value;
  if (now !== undefined && before !== undefined && used !== undefined && earlier !== undefined) {
    const passed = Number(now.timestamp - before.timestamp);
    if (passed > 0) return Math.max(0, Number(used - earlier)) / passed;
  }
  const nanoCores = numberOf(now?.usageNanoCores);
  return nanoCores === undefined ? undefined : nanoCores / 1e9;
}

/** What cgroup v1 says of a group without a limit, or nearly so: more than any machine has. */
const unlimited: Bytes = 2 ** 60;

/** Runtimes tell what is available beside the working set; none, 0 or an absurd amount is no limit. */
function limitOf(memory: MemoryUsage | undefined): Bytes | undefined {
  const available = numberOf(memory?.availableBytes);
  if (available === undefined || available === 0 || available >= unlimited) return undefined;
  return available + (numberOf(memory?.workingSetBytes) ?? 0);
}

function numberOf(value: UInt64Value | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.value);
}

/** Of those that are told; undefined when none is. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  const told = values.filter((value) => value !== undefined);
  return told.length === 0 ? undefined : told.reduce((total, value) => total + value, 0);
}
