import type { LinuxResources } from "../../spec/cri/resources.ts";
import { type CgroupLimits, unlimited } from "../../stats/limits.ts";

/**
 * The memory limits of an update, the one that is not named filled in: the kernel (v1) and the runtimes (v2) know swap only
 * together with memory. With another memory limit, the swap beyond it stays as it was; a container that had no memory
 * limit gets no swap with its first, as a new one would.
 */
export function completeMemory(wanted: LinuxResources, now: CgroupLimits): LinuxResources {
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
