import type { Bytes } from "../base/units.ts";
import type { Cgroups } from "../linux/contract.ts";
import { innerCgroup } from "../linux/inner-cgroup.ts";
import { numberOf } from "./fields.ts";
import { type CgroupLimits, parseLimitsV1, parseLimitsV2 } from "./limits.ts";
import { type CgroupFile, cgroupFiles } from "./small-file.ts";

type HostCgroups = Pick<Cgroups, "version" | "directories">;

/** Reads what cgroups are limited to, on this thread: about 80 µs for one with v1. `cgroup` is a path from the root. */
export class LimitsReader {
  readonly #file: (controller: string) => CgroupFile;
  readonly #version: 1 | 2;
  readonly #inner: (cgroup: string) => string;
  readonly #read: (cgroup: string) => CgroupLimits;

  constructor(cgroups: HostCgroups) {
    this.#file = cgroupFiles(cgroups);
    this.#version = cgroups.version;
    this.#inner = (cgroup) => innerCgroup(cgroups, cgroup);
    this.#read = this.#version === 2 ? readerV2(this.#file("unified")) : readerV1(this.#file);
  }

  /** Empty for a group that is not there. */
  read(cgroup: string): CgroupLimits {
    return this.#read(this.#inner(cgroup));
  }

  /** Those two of `read`. */
  cpuset(cgroup: string): Pick<CgroupLimits, "cpusetCpus" | "cpusetMems"> {
    return readCpuset(this.#file(this.#version === 2 ? "unified" : "cpuset"), this.#inner(cgroup));
  }

  /** The limit of huge pages of a size as in `2MB`; undefined where they are not controlled. */
  hugepages(cgroup: string, size: string): { readonly limit: Bytes; readonly usage: Bytes } | undefined {
    const file = this.#file("hugetlb");
    const inner = this.#inner(cgroup);
    const [max, current] = this.#version === 2 ? ["max", "current"] : ["limit_in_bytes", "usage_in_bytes"];
    const text = file(inner, `hugetlb.${size}.${max}`);
    if (text === undefined) return undefined;
    // "max", and v1's number beyond all memory, are kept as a number: the OCI has no other word for it.
    const limit = Math.min(numberOf(text) ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    return { limit, usage: numberOf(file(inner, `hugetlb.${size}.${current}`)) ?? 0 };
  }

  /** What a file of a v2 group holds, as in `memory.high`; undefined for one that is not there or has several lines. */
  unified(cgroup: string, name: string): string | undefined {
    const text = this.#version === 2 ? this.#file("unified")(this.#inner(cgroup), name)?.trim() : undefined;
    return text?.includes("\n") ? undefined : text;
  }
}

function readCpuset(file: CgroupFile, cgroup: string): Pick<CgroupLimits, "cpusetCpus" | "cpusetMems"> {
  const [cpus, mems] = [file(cgroup, "cpuset.cpus"), file(cgroup, "cpuset.mems")];
  return {
    ...(cpus === undefined ? {} : { cpusetCpus: cpus.trim() }),
    ...(mems === undefined ? {} : { cpusetMems: mems.trim() }),
  };
}

function readerV1(file: (controller: string) => CgroupFile): (cgroup: string) => CgroupLimits {
  const [cpu, memory, cpuset] = [file("cpu"), file("memory"), file("cpuset")];
  return (cgroup) => ({
    ...parseLimitsV1({
      shares: cpu(cgroup, "cpu.shares"),
      quota: cpu(cgroup, "cpu.cfs_quota_us"),
      period: cpu(cgroup, "cpu.cfs_period_us"),
      memory: memory(cgroup, "memory.limit_in_bytes"),
      memsw: memory(cgroup, "memory.memsw.limit_in_bytes"),
    }),
    ...readCpuset(cpuset, cgroup),
  });
}

function readerV2(file: CgroupFile): (cgroup: string) => CgroupLimits {
  return (cgroup) => ({
    ...parseLimitsV2({
      weight: file(cgroup, "cpu.weight"),
      cpuMax: file(cgroup, "cpu.max"),
      memoryMax: file(cgroup, "memory.max"),
      swapMax: file(cgroup, "memory.swap.max"),
    }),
    ...readCpuset(file, cgroup),
  });
}
