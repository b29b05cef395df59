import { readdirSync } from "node:fs";
import type { Cgroups } from "../../linux/contract.ts";
import { innerCgroup } from "../../linux/inner-cgroup.ts";
import { type FileText, fieldOf } from "../fields.ts";
import type { CgroupMetrics } from "../metrics-contract.ts";
import { parseCgroupV1, parseCgroupV2 } from "../parse-cgroup.ts";
import { filesV1, filesV2 } from "../read-cgroup.ts";
import { type CgroupFile, cgroupFiles } from "../small-file.ts";
import { parseMetricsV1, parseMetricsV2 } from "./parse.ts";
import { hasDevices } from "./parse-io.ts";

/** Reads what the metrics of cgroups are made from, on this thread: about 100 µs for one with v1. */
export class CgroupMetricsReader {
  readonly #read: (cgroup: string) => CgroupMetrics;
  readonly #memory: CgroupFile;
  readonly #oomEvents: string;

  /** @param pageSizes those of huge pages, as cgroup files name them */
  constructor(
    cgroups: Pick<Cgroups, "version" | "directories">,
    pageSizes: readonly string[] = hugePageSizes(),
  ) {
    const file = cgroupFiles(cgroups);
    const read = cgroups.version === 2 ? readerV2(file, pageSizes) : readerV1(file, pageSizes);
    this.#read = (cgroup) => read(innerCgroup(cgroups, cgroup));
    this.#memory = file("memory");
    this.#oomEvents = cgroups.version === 2 ? "memory.events" : "memory.oom_control";
  }

  /** @returns undefined when there is no such group */
  read(cgroup: string): CgroupMetrics | undefined {
    const read = this.#read(cgroup);
    return read.figures.cpu === undefined && read.figures.memory === undefined ? undefined : read;
  }

  /** How many of a group's processes the kernel killed for want of memory; undefined when the group is gone. */
  oomKills(cgroup: string): number | undefined {
    return fieldOf(this.#memory(cgroup, this.#oomEvents), "oom_kill");
  }
}

type Files = (controller: string) => CgroupFile;

function readerV1(file: Files, pageSizes: readonly string[]): (cgroup: string) => CgroupMetrics {
  const figures = filesV1(file);
  const [cpu, cpuacct, memory, pids] = [file("cpu"), file("cpuacct"), file("memory"), file("pids")];
  const [blkio, hugetlb] = [file("blkio"), file("hugetlb")];
  return (cgroup) => {
    const files = figures(cgroup, "metrics");
    return parseMetricsV1(parseCgroupV1(files), {
      memoryStat: files.memoryStat,
      cpuacctStat: cpuacct(cgroup, "cpuacct.stat"),
      cpuStat: cpu(cgroup, "cpu.stat"),
      memoryMaxUsage: memory(cgroup, "memory.max_usage_in_bytes"),
      memoryFailcnt: memory(cgroup, "memory.failcnt"),
      kernelMemoryUsage: memory(cgroup, "memory.kmem.usage_in_bytes"),
      oomControl: memory(cgroup, "memory.oom_control"),
      pidsCurrent: pids(cgroup, "pids.current"),
      pidsMax: pids(cgroup, "pids.max"),
      ...blkioFiles(blkio, cgroup),
      hugePages: pageSizes.map((pageSize) => ({
        pageSize,
        usage: hugetlb(cgroup, `hugetlb.${pageSize}.usage_in_bytes`),
        max: hugetlb(cgroup, `hugetlb.${pageSize}.max_usage_in_bytes`),
      })),
    });
  };
}

/** BFQ counts what it schedules; where it schedules nothing, the throttling counts. Of no device: there is no more to read. */
function blkioFiles(blkio: CgroupFile, cgroup: string): { ioServiceBytes: FileText; ioServiced: FileText } {
  for (const by of ["bfq", "throttle"]) {
    const ioServiceBytes = blkio(cgroup, `blkio.${by}.io_service_bytes_recursive`);
    if (hasDevices(ioServiceBytes))
      return { ioServiceBytes, ioServiced: blkio(cgroup, `blkio.${by}.io_serviced_recursive`) };
  }
  return { ioServiceBytes: undefined, ioServiced: undefined };
}

function readerV2(file: Files, pageSizes: readonly string[]): (cgroup: string) => CgroupMetrics {
  const figures = filesV2(file);
  const unified = file("unified");
  return (cgroup) => {
    const files = figures(cgroup, "metrics");
    return parseMetricsV2(parseCgroupV2(files), {
      memoryStat: files.memoryStat,
      cpuStat: files.cpuStat,
      memoryPeak: unified(cgroup, "memory.peak"),
      memoryEvents: unified(cgroup, "memory.events"),
      pidsCurrent: unified(cgroup, "pids.current"),
      pidsMax: unified(cgroup, "pids.max"),
      ioStat: unified(cgroup, "io.stat"),
      hugePages: pageSizes.map((pageSize) => ({
        pageSize,
        current: unified(cgroup, `hugetlb.${pageSize}.current`),
      })),
    });
  };
}

/** The sizes of huge pages that this kernel has, as its cgroup files name them. */
function hugePageSizes(): string[] {
  try {
    return readdirSync("/sys/kernel/mm/hugepages").flatMap((name) => hugePageSize(name) ?? []);
  } catch {
    return []; // a kernel built without them
  }
}

/** `hugepages-2048kB` is `2MB` in the names of cgroup files. */
export function hugePageSize(directory: string): string | undefined {
  const kilobytes = Number(/^hugepages-([0-9]+)kB$/.exec(directory)?.[1] ?? Number.NaN);
  if (Number.isNaN(kilobytes)) return undefined;
  if (kilobytes >= 1 << 20) return `${kilobytes >> 20}GB`;
  return kilobytes >= 1 << 10 ? `${kilobytes >> 10}MB` : `${kilobytes}KB`;
}
