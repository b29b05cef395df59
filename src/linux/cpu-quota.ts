import { writeFile } from "node:fs/promises";
import { posix } from "node:path";
import { type CgroupHierarchies, checkCgroupPath } from "./cgroup-hierarchies.ts";
import { systemFault } from "./libc.ts";

/** Takes away a group's limit of processor time; how its time is counted out stays. */
export async function liftCpuQuota({ version, mounts }: CgroupHierarchies, cgroup: string): Promise<void> {
  checkCgroupPath(cgroup);
  const [[name, value], mount] =
    version === 2
      ? ([["cpu.max", "max"], [...mounts.values()][0]] as const)
      : ([["cpu.cfs_quota_us", "-1"], mounts.get("cpu")] as const);
  if (mount === undefined) return; // nothing is limited without the controller
  try {
    await writeFile(posix.join(mount, cgroup, name), value);
  } catch (error) {
    throw systemFault(`lifting the CPU quota of cgroup ${cgroup}`, error);
  }
}
