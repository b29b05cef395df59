import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { reclaimMemory } from "../../linux/cgroup-reclaim.ts";
import type { Cgroups } from "../../linux/contract.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import { readHeldMemory } from "../../stats/held-memory.ts";
import type { LimitsReader } from "../../stats/read-limits.ts";
import type { ContainerRecord } from "../state.ts";

const hint = "nothing was changed; ask again when it uses less";

/**
 * Checks that what a container uses fits below its new limits. v1 would refuse it (EBUSY) when other limits are changed
 * already; v2 would kill processes until it fits. What counts is what the kernel can't simply drop, all but cached files.
 * With v2, those above the limit are dropped here first.
 *
 * @throws {Fault} wrongState naming the limit and what is used
 */
export async function requireRoom(
  { cgroup, config }: Pick<ContainerRecord, "cgroup" | "config">,
  wanted: OciResources,
  limits: LimitsReader,
  cgroups: Pick<Cgroups, "version" | "directories">,
): Promise<void> {
  const { name } = config.metadata;
  const refuse = (field: string, limit: Bytes, used: Bytes): Fault =>
    new Fault("wrongState", `${field}: ${limit} is below the ${used} bytes that container ${name} uses`, {
      hint,
    });
  for (const { pageSize, limit } of wanted.hugepageLimits ?? []) {
    const usage = limits.hugepages(cgroup, pageSize)?.usage ?? 0;
    if (usage > limit) throw refuse(`hugepage_limits of ${pageSize}`, limit, usage);
  }
  const { limit = 0, swap = 0 } = wanted.memory ?? {};
  const use = readHeldMemory(cgroups, cgroup);
  if (use === undefined) return;
  if (limit > 0 && use.held > limit) throw refuse("memory_limit_in_bytes", limit, use.held);
  if (cgroups.version === 1) {
    const together = use.held + use.swap;
    if (swap > 0 && together > swap) throw refuse("memory_swap_limit_in_bytes", swap, together);
    return;
  }
  if (limit <= 0 || use.usage <= limit) return;
  const directory = cgroups.directories(cgroup).get("unified");
  if (directory !== undefined) await reclaimMemory(directory, use.usage - limit);
  const left = readHeldMemory(cgroups, cgroup)?.usage ?? 0;
  if (left > limit) throw refuse("memory_limit_in_bytes", limit, left);
}
