import type { LinuxResources } from "../../spec/cri/resources.ts";
import { type CgroupLimits, unlimited } from "../../stats/limits.ts";

/**
 * An update with the limits that the kernel has together with those that it names. A quota goes with its period: of either
 * alone, crun on cgroup v2 sets the other back to the kernel's default.
 */
export function completeLimits(wanted: LinuxResources, now: CgroupLimits): LinuxResources {
  return completeMemory(completeCpu(wanted, now), now);
}

function completeCpu(wanted: LinuxResources, now: CgroupLimits): LinuxResources {
  const { cpuQuotaUs = now.cpuQuotaUs, cpuPeriodUs = now.cpuPeriodUs } = wanted;
  if (wanted.cpuQuotaUs === undefined && wanted.cpuPeriodUs === undefined) return wanted;
  return {
    ...wanted,
    ...(cpuQuotaUs === undefined ? {} : { cpuQuotaUs }),
    ...(cpuPeriodUs === undefined ? {} : { cpuPeriodUs }),
  };
}

/**
 * The memory limits of an update, the one that is not named filled in: the kernel (v1) and the runtimes (v2) know swap only
 * together with memory. With another memory limit, the swap beyond it stays as it was; a container that had no memory
 * limit gets no swap with its first, as a new one would.
 */
function completeMemory(wanted: LinuxResources, now: CgroupLimits): LinuxResources {
  const { memoryLimit = now.memoryLimit, memorySwapLimit } = wanted;
  if (wanted.memoryLimit === undefined && memorySwapLimit === undefined) return wanted;
  const together = memorySwapLimit ?? keptSwap(memoryLimit, now);
  return {
    ...wanted,
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(together === undefined ? {} : { memorySwapLimit: together }),
  };
}

function keptSwap(memoryLimit: number | undefined, now: CgroupLimits): number | undefined {
  if (memoryLimit === undefined || now.memoryLimit === undefined || now.memorySwapLimit === undefined)
    return undefined;
  if (memoryLimit === unlimited) return unlimited;
  if (now.memoryLimit === unlimited) return undefined;
  return now.memorySwapLimit === unlimited
    ? unlimited
    : memoryLimit + Math.max(0, now.memorySwapLimit - now.memoryLimit);
}
