import type { Bytes } from "../../base/units.ts";

/** CRI LinuxContainerResources. An absent field was not set by the caller: leave the kernel's default. */
export interface LinuxResources {
  cpuPeriodUs?: number;
  cpuQuotaUs?: number;
  cpuShares?: number;
  memoryLimit?: Bytes;
  oomScoreAdj?: number;
  /** Linux list format, as in `0-3,7`. */
  cpusetCpus?: string;
  cpusetMems?: string;
  hugepageLimits?: HugepageLimit[];
  /** cgroup v2 file names to values. */
  unified?: Record<string, string>;
  /** Memory and swap together, as the CRI has it. */
  memorySwapLimit?: Bytes;
}

export interface HugepageLimit {
  /** As in `2MB`, `1GB`. */
  pageSize: string;
  limit: Bytes;
}
