import type { MemoryFigures, Pressure, PressureLine } from "../../stats/contract.ts";
import type { CgroupMetrics, DeviceIo } from "../../stats/metrics-contract.ts";
import {
  type IoEntry,
  type MemoryStat,
  Metrics,
  type PsiData,
  type PsiStats,
} from "../../wire/gen/cgroup-metrics.v2.ts";
import { limitTold, remaining, secondsOf } from "./metric-values.ts";

/** The figures of a cgroup v2, as a shim tells them (io.containerd.cgroups.v2.Metrics). */
export function decodeMetricsV2(bytes: Uint8Array): CgroupMetrics {
  const { cpu, memory, pids, io, hugetlb, memoryEvents } = Metrics.decode(bytes);
  const pressure = pressureOf(io?.psi);
  const faults = (count: bigint) => ({ own: Number(count), hierarchy: Number(count) });
  return {
    figures: {
      cpu: cpu && { usageNanos: cpu.usageUsec * 1000n, psi: pressureOf(cpu.psi) },
      memory: memory && memoryOf(memory),
      swap: memory && {
        usage: Number(memory.swapUsage),
        available: remaining(limitTold(memory.swapLimit), Number(memory.swapUsage)),
      },
      io: pressure && { psi: pressure },
      processes: pids && Number(pids.current),
    },
    userSeconds: cpu && secondsOf(cpu.userUsec, 1e6),
    systemSeconds: cpu && secondsOf(cpu.systemUsec, 1e6),
    periods: cpu && Number(cpu.nrPeriods),
    throttledPeriods: cpu && Number(cpu.nrThrottled),
    throttledSeconds: cpu && secondsOf(cpu.throttledUsec, 1e6),
    cache: memory && Number(memory.file),
    mappedFile: memory && Number(memory.fileMapped),
    kernelMemory: memory && Number(memory.kernelStack + memory.slab),
    // shims older than containerd 1.7 don't tell it
    maxMemory: memory && memory.maxUsage > 0n ? Number(memory.maxUsage) : undefined,
    memoryLimitHits: memoryEvents && Number(memoryEvents.max),
    // v2 counts with the groups below only
    pageFaults: memory && faults(memory.pgfault),
    majorPageFaults: memory && faults(memory.pgmajfault),
    oomKills: memoryEvents && Number(memoryEvents.oomKill),
    threads: pids && Number(pids.current),
    threadsMax: pids && (limitTold(pids.limit) ?? 0),
    io: (io?.usage ?? []).map(deviceOf),
    hugePages: hugetlb.map(({ pagesize, current }) => ({ pageSize: pagesize, usage: Number(current) })),
  };
}

function memoryOf(memory: MemoryStat): MemoryFigures {
  const usage = Number(memory.usage);
  const workingSet = Math.max(0, usage - Number(memory.inactiveFile));
  return {
    usage,
    workingSet,
    available: remaining(limitTold(memory.usageLimit), workingSet),
    rss: Number(memory.anon),
    pageFaults: Number(memory.pgfault),
    majorPageFaults: Number(memory.pgmajfault),
    psi: pressureOf(memory.psi),
  };
}

function deviceOf({ major, minor, rbytes, wbytes, rios, wios }: IoEntry): DeviceIo {
  const [readBytes, writeBytes] = [Number(rbytes), Number(wbytes)];
  return {
    number: `${major}:${minor}`,
    readBytes,
    reads: Number(rios),
    writeBytes,
    writes: Number(wios),
    operations: [
      ["Read", readBytes],
      ["Write", writeBytes],
    ],
  };
}

function pressureOf(psi: PsiStats | undefined): Pressure | undefined {
  return psi && { some: lineOf(psi.some), full: lineOf(psi.full) };
}

function lineOf(line: PsiData | undefined): PressureLine {
  const { avg10 = 0, avg60 = 0, avg300 = 0, total: totalUs = 0n } = line ?? {};
  return { avg10, avg60, avg300, totalUs };
}
