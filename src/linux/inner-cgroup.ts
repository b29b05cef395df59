import { statSync } from "node:fs";
import { posix } from "node:path";
import type { Cgroups } from "./contract.ts";

/** The name that crun gives to the group within a scope of systemd's in which it puts the container. */
const withinScope = "container";

/**
 * The group that holds a container's processes and limits: its cgroup, or one within it. A scope's own files are systemd's,
 * which writes them again at each reload; crun leaves them alone and makes a group of its own there.
 *
 * @param cgroup a path from the root of the hierarchies, as is what is returned
 */
export function innerCgroup(cgroups: Pick<Cgroups, "version" | "directories">, cgroup: string): string {
  if (cgroups.version === 1 || !cgroup.endsWith(".scope")) return cgroup;
  const within = posix.join(cgroup, withinScope);
  const directory = cgroups.directories(within).get("unified");
  const isThere = directory !== undefined && statSync(directory, { throwIfNoEntry: false }) !== undefined;
  return isThere ? within : cgroup;
}
