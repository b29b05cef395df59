import type { Bytes } from "../base/units.ts";
import type { Cgroups } from "../linux/contract.ts";
import { fieldOf, numberOf } from "./fields.ts";
import { cgroupFiles } from "./small-file.ts";

/** What a group and those below it use of memory, as a smaller limit would find it. */
export interface HeldMemory {
  readonly usage: Bytes;
  /** Usage less cached files, which the kernel drops for a limit: what has to fit below one. */
  readonly held: Bytes;
  readonly swap: Bytes;
}

/** Undefined where there is no such group, or no memory controller. */
export function readHeldMemory(
  cgroups: Pick<Cgroups, "version" | "directories">,
  cgroup: string,
): HeldMemory | undefined {
  const file = cgroupFiles(cgroups)("memory");
  const isV2 = cgroups.version === 2;
  const usage = numberOf(file(cgroup, isV2 ? "memory.current" : "memory.usage_in_bytes"));
  if (usage === undefined) return undefined;
  const stat = file(cgroup, "memory.stat");
  const total = (name: string) => fieldOf(stat, isV2 ? name : `total_${name}`) ?? 0;
  const swap = isV2 ? (numberOf(file(cgroup, "memory.swap.current")) ?? 0) : total("swap");
  return { usage, held: Math.max(0, usage - total("inactive_file") - total("active_file")), swap };
}
