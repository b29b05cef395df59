import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { createCgroup } from "./cgroup-create.ts";
import { type CgroupHierarchies, checkCgroupPath, findCgroupHierarchies } from "./cgroup-hierarchies.ts";
import { killCgroup } from "./cgroup-kill.ts";
import { cgroupExists, cgroupProcesses, cgroupsBelow, removeCgroup } from "./cgroup-tree.ts";
import type { Cgroups } from "./contract.ts";
import { parseMountinfo } from "./mountinfo.ts";

/** This host's cgroups, as mounted now. @throws {Fault} unavailable when none are */
export async function hostCgroups(): Promise<Cgroups> {
  const [mountinfo, controllers] = await Promise.all([
    readFile("/proc/self/mountinfo"),
    readFile("/proc/cgroups", "latin1").catch(() => ""), // a kernel built without v1
  ]);
  return cgroupsOf(findCgroupHierarchies(parseMountinfo(mountinfo), controllers));
}

/** Cgroups in the hierarchies given, for tests that keep to a part of the host's. */
export function cgroupsOf(hierarchies: CgroupHierarchies): Cgroups {
  return {
    version: hierarchies.version,
    directories(cgroup) {
      checkCgroupPath(cgroup);
      return new Map([...hierarchies.mounts].map(([name, mount]) => [name, posix.join(mount, cgroup)]));
    },
    create: (cgroup) => createCgroup(hierarchies, cgroup),
    exists: (cgroup) => cgroupExists(hierarchies, cgroup),
    processes: (cgroup) => cgroupProcesses(hierarchies, cgroup),
    killAll: (cgroup, signal) => killCgroup(hierarchies, cgroup, signal),
    remove: (cgroup, wait) => removeCgroup(hierarchies, cgroup, wait),
    below: (cgroup) => cgroupsBelow(hierarchies, cgroup),
  };
}
