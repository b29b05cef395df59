import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { freezeCgroup, thawCgroup } from "./cgroup-freeze.ts";
import { type CgroupHierarchies, checkCgroupPath, findCgroupHierarchies } from "./cgroup-hierarchies.ts";
import { killCgroup } from "./cgroup-kill.ts";
import { cgroupExists, cgroupProcesses, cgroupsBelow, removeCgroup } from "./cgroup-tree.ts";
import type { Cgroups } from "./contract.ts";
import { liftCpuQuota } from "./cpu-quota.ts";
import type { HostThread } from "./host-thread.ts";
import { parseMountinfo } from "./mountinfo.ts";

/** This host's cgroups, as mounted now; changed on `thread`. @throws {Fault} unavailable when none are */
export async function hostCgroups(thread: HostThread): Promise<Cgroups> {
  const [mountinfo, controllers] = await Promise.all([
    readFile("/proc/self/mountinfo"),
    readFile("/proc/cgroups", "latin1").catch(() => ""), // a kernel built without v1
  ]);
  return cgroupsOf(findCgroupHierarchies(parseMountinfo(mountinfo), controllers), thread);
}

/** Cgroups in the hierarchies given, for tests that keep to a part of the host's. */
export function cgroupsOf(hierarchies: CgroupHierarchies, thread: HostThread): Cgroups {
  return {
    version: hierarchies.version,
    directories(cgroup) {
      checkCgroupPath(cgroup);
      return new Map([...hierarchies.mounts].map(([name, mount]) => [name, posix.join(mount, cgroup)]));
    },
    create: (cgroup) => thread.run("createCgroup", { hierarchies, cgroup }),
    exists: async (cgroup) => cgroupExists(hierarchies, cgroup),
    processes: async (cgroup) => cgroupProcesses(hierarchies, cgroup),
    killAll: (cgroup, signal) => killCgroup(hierarchies, cgroup, signal),
    freeze: (cgroup, signal) => freezeCgroup(hierarchies, cgroup, signal),
    thaw: (cgroup) => thawCgroup(hierarchies, cgroup),
    liftCpuQuota: (cgroup) => liftCpuQuota(hierarchies, cgroup),
    remove: (cgroup, wait) => removeCgroup(hierarchies, cgroup, wait, thread),
    below: async (cgroup) => cgroupsBelow(hierarchies, cgroup),
  };
}
