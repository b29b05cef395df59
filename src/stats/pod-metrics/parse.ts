import type { CgroupFigures } from "../contract.ts";
import { type FileText, fieldOf, numberOf } from "../fields.ts";
import type { CgroupMetrics, HugePages, PageFaults } from "../metrics-contract.ts";
import { parseBlkioV1, parseIoV2 } from "./parse-io.ts";

/** What is read of a v1 group beyond what its statistics need. */
export interface MetricFilesV1 {
  readonly memoryStat: FileText;
  readonly cpuacctStat: FileText;
  readonly cpuStat: FileText;
  readonly memoryMaxUsage: FileText;
  readonly memoryFailcnt: FileText;
  readonly kernelMemoryUsage: FileText;
  readonly oomControl: FileText;
  readonly pidsCurrent: FileText;
  readonly pidsMax: FileText;
  readonly ioServiceBytes: FileText;
  readonly ioServiced: FileText;
  readonly hugePages: readonly {
    readonly pageSize: string;
    readonly usage: FileText;
    readonly max: FileText;
  }[];
}

/** The same of a v2 group. */
export interface MetricFilesV2 {
  readonly memoryStat: FileText;
  readonly cpuStat: FileText;
  readonly memoryPeak: FileText;
  readonly memoryEvents: FileText;
  readonly pidsCurrent: FileText;
  readonly pidsMax: FileText;
  readonly ioStat: FileText;
  readonly hugePages: readonly { readonly pageSize: string; readonly current: FileText }[];
}

/** cpuacct.stat counts in ticks of USER_HZ, which is 100 on every machine that Linux runs on. */
const ticksInSecond = 100;

function over(value: number | undefined, unit: number): number | undefined {
  return value === undefined ? undefined : value / unit;
}

function pageFaults(own: number | undefined, hierarchy: number | undefined): PageFaults | undefined {
  return own === undefined || hierarchy === undefined ? undefined : { own, hierarchy };
}

/** Kernel: cgroup-v1/cpuacct, memory, pids, blkio-controller, hugetlb; scheduler/sched-bwc. */
export function parseMetricsV1(figures: CgroupFigures, files: MetricFilesV1): CgroupMetrics {
  const { memoryStat, cpuacctStat, cpuStat } = files;
  return {
    figures,
    userSeconds: over(fieldOf(cpuacctStat, "user"), ticksInSecond),
    systemSeconds: over(fieldOf(cpuacctStat, "system"), ticksInSecond),
    periods: fieldOf(cpuStat, "nr_periods"),
    throttledPeriods: fieldOf(cpuStat, "nr_throttled"),
    throttledSeconds: over(fieldOf(cpuStat, "throttled_time"), 1e9),
    cache: fieldOf(memoryStat, "total_cache"),
    mappedFile: fieldOf(memoryStat, "total_mapped_file"),
    kernelMemory: numberOf(files.kernelMemoryUsage),
    maxMemory: numberOf(files.memoryMaxUsage),
    memoryLimitHits: numberOf(files.memoryFailcnt),
    pageFaults: pageFaults(fieldOf(memoryStat, "pgfault"), fieldOf(memoryStat, "total_pgfault")),
    majorPageFaults: pageFaults(fieldOf(memoryStat, "pgmajfault"), fieldOf(memoryStat, "total_pgmajfault")),
    oomKills: fieldOf(files.oomControl, "oom_kill"),
    threads: numberOf(files.pidsCurrent),
    threadsMax: limitOf(files.pidsMax),
    io: parseBlkioV1(files.ioServiceBytes, files.ioServiced),
    hugePages: files.hugePages.flatMap(({ pageSize, usage, max }) =>
      hugePagesOf(pageSize, usage, numberOf(max)),
    ),
  };
}

/** Kernel: cgroup-v2. */
export function parseMetricsV2(figures: CgroupFigures, files: MetricFilesV2): CgroupMetrics {
  const { memoryStat, cpuStat, memoryEvents } = files;
  const [faults, major] = [fieldOf(memoryStat, "pgfault"), fieldOf(memoryStat, "pgmajfault")];
  return {
    figures,
    userSeconds: over(fieldOf(cpuStat, "user_usec"), 1e6),
    systemSeconds: over(fieldOf(cpuStat, "system_usec"), 1e6),
    periods: fieldOf(cpuStat, "nr_periods"),
    throttledPeriods: fieldOf(cpuStat, "nr_throttled"),
    throttledSeconds: over(fieldOf(cpuStat, "throttled_usec"), 1e6),
    cache: fieldOf(memoryStat, "file"),
    mappedFile: fieldOf(memoryStat, "file_mapped"),
    kernelMemory: kernelMemoryV2(memoryStat),
    maxMemory: numberOf(files.memoryPeak),
    memoryLimitHits: fieldOf(memoryEvents, "max"),
    // v2 counts with the groups below only
    pageFaults: pageFaults(faults, faults),
    majorPageFaults: pageFaults(major, major),
    oomKills: fieldOf(memoryEvents, "oom_kill"),
    threads: numberOf(files.pidsCurrent),
    threadsMax: limitOf(files.pidsMax),
    io: parseIoV2(files.ioStat),
    hugePages: files.hugePages.flatMap(({ pageSize, current }) => hugePagesOf(pageSize, current, undefined)),
  };
}

/** `kernel` came with Linux 5.18; before, its largest parts are what there is. */
function kernelMemoryV2(memoryStat: FileText): number | undefined {
  const whole = fieldOf(memoryStat, "kernel");
  if (whole !== undefined) return whole;
  const [stack, slab] = [fieldOf(memoryStat, "kernel_stack"), fieldOf(memoryStat, "slab")];
  return stack === undefined || slab === undefined ? undefined : stack + slab;
}

/** A limit file; `max` is told as 0, as the metrics have it. */
function limitOf(text: FileText): number | undefined {
  return text === undefined ? undefined : (numberOf(text) ?? 0);
}

function hugePagesOf(pageSize: string, usage: FileText, maxUsage: number | undefined): HugePages[] {
  const used = numberOf(usage);
  return used === undefined ? [] : [{ pageSize, usage: used, maxUsage }];
}
