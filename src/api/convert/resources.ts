import type { LinuxResources } from "../../spec/cri/resources.ts";
import type * as cri from "../../wire/gen/runtime.v1.ts";
import { limitFrom, numberWithin, wrongField } from "./field.ts";

const listForm = /^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$/;
const pageSizeForm = /^[0-9]+(KB|MB|GB|TB)$/;
const unifiedForm = /^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/;

/**
 * CRI LinuxContainerResources. Zero and empty fields were not set, but for `oom_score_adj`: its 0 is a score as good
 * as any, which a daemon with a score of its own must not hand down in its place.
 *
 * @throws {Fault} invalid
 */
export function decodeResources(resources: cri.LinuxContainerResources, field: string): LinuxResources {
  const cpuPeriodUs = limitFrom(resources.cpuPeriod, `${field}.cpu_period`);
  const cpuQuotaUs = limitFrom(resources.cpuQuota, `${field}.cpu_quota`);
  const cpuShares = limitFrom(resources.cpuShares, `${field}.cpu_shares`);
  if (cpuPeriodUs < 0) throw wrongField(`${field}.cpu_period`, "is negative");
  if (cpuShares < 0) throw wrongField(`${field}.cpu_shares`, "is negative");
  const memoryLimit = limitFrom(resources.memoryLimitInBytes, `${field}.memory_limit_in_bytes`);
  const memorySwapLimit = limitFrom(resources.memorySwapLimitInBytes, `${field}.memory_swap_limit_in_bytes`);
  if (memoryLimit > 0 && memorySwapLimit > 0 && memorySwapLimit < memoryLimit) {
    throw wrongField(
      `${field}.memory_swap_limit_in_bytes`,
      "is below memory_limit_in_bytes, which it includes",
    );
  }
  const cpusetCpus = listFrom(resources.cpusetCpus, `${field}.cpuset_cpus`);
  const cpusetMems = listFrom(resources.cpusetMems, `${field}.cpuset_mems`);
  return {
    ...(cpuPeriodUs === 0 ? {} : { cpuPeriodUs }),
    ...(cpuQuotaUs === 0 ? {} : { cpuQuotaUs }),
    ...(cpuShares === 0 ? {} : { cpuShares }),
    ...(memoryLimit === 0 ? {} : { memoryLimit }),
    oomScoreAdj: numberWithin(resources.oomScoreAdj, `${field}.oom_score_adj`, -1000, 1000),
    ...(cpusetCpus === "" ? {} : { cpusetCpus }),
    ...(cpusetMems === "" ? {} : { cpusetMems }),
    ...(resources.hugepageLimits.length === 0
      ? {}
      : { hugepageLimits: decodeHugepages(resources.hugepageLimits, `${field}.hugepage_limits`) }),
    ...(Object.keys(resources.unified).length === 0
      ? {}
      : { unified: decodeUnified(resources.unified, `${field}.unified`) }),
    ...(memorySwapLimit === 0 ? {} : { memorySwapLimit }),
  };
}

export function encodeResources(resources: LinuxResources): cri.LinuxContainerResources {
  return {
    cpuPeriod: BigInt(resources.cpuPeriodUs ?? 0),
    cpuQuota: BigInt(resources.cpuQuotaUs ?? 0),
    cpuShares: BigInt(resources.cpuShares ?? 0),
    memoryLimitInBytes: BigInt(resources.memoryLimit ?? 0),
    oomScoreAdj: BigInt(resources.oomScoreAdj ?? 0),
    cpusetCpus: resources.cpusetCpus ?? "",
    cpusetMems: resources.cpusetMems ?? "",
    hugepageLimits: (resources.hugepageLimits ?? []).map(({ pageSize, limit }) => ({
      pageSize,
      limit: BigInt(limit),
    })),
    unified: resources.unified ?? {},
    memorySwapLimitInBytes: BigInt(resources.memorySwapLimit ?? 0),
  };
}

function listFrom(value: string, field: string): string {
  if (value !== "" && !listForm.test(value)) throw wrongField(field, `"${value}" is not a list as in 0-3,7`);
  return value;
}

function decodeHugepages(limits: cri.HugepageLimit[], field: string): { pageSize: string; limit: number }[] {
  return limits.map(({ pageSize, limit }, index) => {
    if (!pageSizeForm.test(pageSize)) {
      throw wrongField(`${field}[${index}].page_size`, `"${pageSize}" is not a size as in 2MB`);
    }
    return { pageSize, limit: limitFrom(limit, `${field}[${index}].limit`) };
  });
}

/** The keys become names of files in the container's cgroup. */
function decodeUnified(unified: Record<string, string>, field: string): Record<string, string> {
  for (const key of Object.keys(unified)) {
    if (!unifiedForm.test(key)) throw wrongField(field, `"${key}" is not the name of a cgroup file`);
  }
  return unified;
}
