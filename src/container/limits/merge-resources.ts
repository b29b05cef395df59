import type { HugepageLimit, LinuxResources } from "../../spec/cri/resources.ts";

/**
 * What is recorded of a container's resources after an update: what it named over what was there. `complete` has the swap
 * limit that a memory limit took along.
 */
export function mergeResources(
  recorded: LinuxResources,
  wanted: LinuxResources,
  complete: LinuxResources,
): LinuxResources {
  const named = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  return {
    ...recorded,
    ...named,
    ...(recorded.memorySwapLimit === undefined || complete.memorySwapLimit === undefined
      ? {}
      : { memorySwapLimit: complete.memorySwapLimit }),
    ...(recorded.hugepageLimits === undefined || wanted.hugepageLimits === undefined
      ? {}
      : { hugepageLimits: mergeHugepages(recorded.hugepageLimits, wanted.hugepageLimits) }),
    ...(recorded.unified === undefined || wanted.unified === undefined
      ? {}
      : { unified: { ...recorded.unified, ...wanted.unified } }),
  };
}

function mergeHugepages(
  recorded: readonly HugepageLimit[],
  wanted: readonly HugepageLimit[],
): HugepageLimit[] {
  const named = new Set(wanted.map(({ pageSize }) => pageSize));
  return [...recorded.filter(({ pageSize }) => !named.has(pageSize)), ...wanted];
}
