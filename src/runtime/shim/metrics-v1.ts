import type { CgroupFigures, MemoryFigures } from "../../stats/contract.ts";
import type { CgroupMetrics, DeviceIo } from "../../stats/metrics-contract.ts";
import {
  type BlkioEntry,
  type MemoryEntry,
  type MemoryStat,
  Metrics,
} from "../../wire/gen/cgroup-metrics.v1.ts";
import { limitTold, remaining, secondsOf } from "./metric-values.ts";

/** The figures of a cgroup v1, as a shim tells them (io.containerd.cgroups.v1.Metrics). */
export function decodeMetricsV1(bytes: Uint8Array): CgroupMetrics {
  const { cpu, memory, pids, blkio, hugetlb, memoryOomControl } = Metrics.decode(bytes);
  const { usage, throttling } = cpu ?? {};
  return {
    figures: {
      cpu: usage && { usageNanos: usage.total },
      memory: memory && memoryOf(memory),
      swap: memory && swapOf(memory),
      processes: pids && Number(pids.current),
    },
    userSeconds: usage && secondsOf(usage.user, 1e9),
    systemSeconds: usage && secondsOf(usage.kernel, 1e9),
    periods: throttling && Number(throttling.periods),
    throttledPeriods: throttling && Number(throttling.throttledPeriods),
    throttledSeconds: throttling && secondsOf(throttling.throttledTime, 1e9),
    cache: memory && Number(memory.totalCache),
    mappedFile: memory && Number(memory.totalMappedFile),
    kernelMemory: memory?.kernel && Number(memory.kernel.usage),
    maxMemory: memory?.usage && Number(memory.usage.max),
    memoryLimitHits: memory?.usage && Number(memory.usage.failcnt),
    pageFaults: memory && { own: Number(memory.pgFault), hierarchy: Number(memory.totalPgFault) },
    majorPageFaults: memory && { own: Number(memory.pgMajFault), hierarchy: Number(memory.totalPgMajFault) },
    oomKills: memoryOomControl && Number(memoryOomControl.oomKill),
    threads: pids && Number(pids.current),
    threadsMax: pids && (limitTold(pids.limit) ?? 0),
    io: blkio === undefined ? [] : devicesOf(blkio.ioServiceBytesRecursive, blkio.ioServicedRecursive),
    hugePages: hugetlb.map(({ pagesize, usage: used, max }) => ({
      pageSize: pagesize,
      usage: Number(used),
      maxUsage: Number(max),
    })),
  };
}

function memoryOf(memory: MemoryStat): MemoryFigures {
  const usage = usageOf(memory.usage);
  const workingSet = Math.max(0, usage - Number(memory.totalInactiveFile));
  return {
    usage,
    workingSet,
    available: remaining(limitTold(memory.usage?.limit), workingSet),
    rss: Number(memory.totalRss),
    pageFaults: Number(memory.totalPgFault),
    majorPageFaults: Number(memory.totalPgMajFault),
  };
}

/** v1 counts memory and swap together. */
function swapOf({ usage: memory, swap: together }: MemoryStat): CgroupFigures["swap"] {
  if (together === undefined) return undefined;
  const usage = Math.max(0, usageOf(together) - usageOf(memory));
  const [limit, both] = [limitTold(memory?.limit), limitTold(together.limit)];
  const most = limit === undefined || both === undefined ? undefined : Math.max(0, both - limit);
  return { usage, available: remaining(most, usage) };
}

function usageOf(entry: MemoryEntry | undefined): number {
  return Number(entry?.usage ?? 0);
}

function devicesOf(bytes: readonly BlkioEntry[], numbers: readonly BlkioEntry[]): DeviceIo[] {
  const deviceOf = ({ major, minor }: BlkioEntry) => `${major}:${minor}`;
  const numbersOf = Map.groupBy(numbers, deviceOf);
  return Array.from(Map.groupBy(bytes, deviceOf), ([number, entries]) => {
    const counts = numbersOf.get(number) ?? [];
    return {
      number,
      readBytes: amountOf("Read", entries),
      reads: amountOf("Read", counts),
      writeBytes: amountOf("Write", entries),
      writes: amountOf("Write", counts),
      operations: entries.map(({ op, value }) => [op, Number(value)]),
    };
  });
}

function amountOf(wanted: string, entries: readonly BlkioEntry[]): number {
  return Number(entries.find(({ op }) => op === wanted)?.value ?? 0);
}
