import type { Bytes } from "../base/units.ts";
import type { CgroupFigures, MemoryFigures } from "./contract.ts";
import { bigFieldOf, bigNumberOf, type FileText, fieldOf, numberOf, pressureOf } from "./fields.ts";

/** What is read of a v1 group, from the directories of several controllers. */
export interface CgroupV1Files {
  readonly cpuacctUsage: FileText;
  readonly memoryUsage: FileText;
  readonly memoryStat: FileText;
  readonly memoryLimit: FileText;
  /** Of memory and swap together; absent where swap is not accounted. */
  readonly memswLimit: FileText;
  readonly pidsCurrent: FileText;
}

/** What is read of a v2 group. */
export interface CgroupV2Files {
  readonly cpuStat: FileText;
  readonly cpuPressure: FileText;
  readonly memoryCurrent: FileText;
  readonly memoryStat: FileText;
  readonly memoryMax: FileText;
  readonly memoryPressure: FileText;
  readonly swapCurrent: FileText;
  readonly swapMax: FileText;
  readonly ioPressure: FileText;
  readonly pidsCurrent: FileText;
}

/** v1 says "no limit" as the largest number of whole pages; no machine has a thousandth of it. */
const v1Unlimited: Bytes = 2 ** 60;

function v1Limit(text: FileText): Bytes | undefined {
  const limit = numberOf(text);
  return limit === undefined || limit >= v1Unlimited ? undefined : limit;
}

/** False when neither this group nor any above it has a memory limit. */
export function hasLimitV1(memoryStat: FileText): boolean {
  const limit = fieldOf(memoryStat, "hierarchical_memory_limit");
  return limit === undefined || limit < v1Unlimited;
}

/** Usage less inactive file pages, which the kernel takes back first: what the kubelet evicts by. */
function workingSetOf(usage: Bytes, inactiveFile: Bytes | undefined): Bytes {
  return Math.max(0, usage - (inactiveFile ?? 0));
}

function left(limit: Bytes | undefined, used: Bytes): Bytes | undefined {
  return limit === undefined ? undefined : Math.max(0, limit - used);
}

/** The figures of a v1 group and those below it (kernel: cgroup-v1/memory, cpuacct). v1 has no pressure. */
export function parseCgroupV1(files: CgroupV1Files): CgroupFigures {
  const usageNanos = bigNumberOf(files.cpuacctUsage);
  return {
    cpu: usageNanos === undefined ? undefined : { usageNanos },
    memory: memoryV1(files),
    swap: swapV1(files),
    processes: numberOf(files.pidsCurrent),
  };
}

function memoryV1({ memoryUsage, memoryStat, memoryLimit }: CgroupV1Files): MemoryFigures | undefined {
  const usage = numberOf(memoryUsage);
  if (usage === undefined) return undefined;
  const workingSet = workingSetOf(usage, fieldOf(memoryStat, "total_inactive_file"));
  return {
    usage,
    workingSet,
    available: left(v1Limit(memoryLimit), workingSet),
    rss: fieldOf(memoryStat, "total_rss") ?? 0,
    pageFaults: fieldOf(memoryStat, "total_pgfault") ?? 0,
    majorPageFaults: fieldOf(memoryStat, "total_pgmajfault") ?? 0,
  };
}

function swapV1({ memoryStat, memoryLimit, memswLimit }: CgroupV1Files): CgroupFigures["swap"] {
  const usage = fieldOf(memoryStat, "total_swap");
  if (usage === undefined) return undefined;
  const [memory, together] = [v1Limit(memoryLimit), v1Limit(memswLimit)];
  const limit = memory === undefined || together === undefined ? undefined : Math.max(0, together - memory);
  return { usage, available: left(limit, usage) };
}

/** The figures of a v2 group and those below it (kernel: cgroup-v2). */
export function parseCgroupV2(files: CgroupV2Files): CgroupFigures {
  const usageUs = bigFieldOf(files.cpuStat, "usage_usec");
  const io = pressureOf(files.ioPressure);
  return {
    cpu:
      usageUs === undefined ? undefined : { usageNanos: usageUs * 1000n, psi: pressureOf(files.cpuPressure) },
    memory: memoryV2(files),
    swap: swapV2(files),
    io: io === undefined ? undefined : { psi: io },
    processes: numberOf(files.pidsCurrent),
  };
}

function memoryV2({
  memoryCurrent,
  memoryStat,
  memoryMax,
  memoryPressure,
}: CgroupV2Files): MemoryFigures | undefined {
  const usage = numberOf(memoryCurrent);
  if (usage === undefined) return undefined;
  const workingSet = workingSetOf(usage, fieldOf(memoryStat, "inactive_file"));
  return {
    usage,
    workingSet,
    available: left(numberOf(memoryMax), workingSet),
    rss: fieldOf(memoryStat, "anon") ?? 0,
    pageFaults: fieldOf(memoryStat, "pgfault") ?? 0,
    majorPageFaults: fieldOf(memoryStat, "pgmajfault") ?? 0,
    psi: pressureOf(memoryPressure),
  };
}

function swapV2({ swapCurrent, swapMax }: CgroupV2Files): CgroupFigures["swap"] {
  const usage = numberOf(swapCurrent);
  return usage === undefined ? undefined : { usage, available: left(numberOf(swapMax), usage) };
}
