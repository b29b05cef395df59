import { readdir, readFile, rmdir, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import {
  type CgroupHierarchies,
  checkCgroupPath,
  checkOwnCgroup,
  groupDirectories,
} from "./cgroup-hierarchies.ts";
import { errnoOf, systemFault } from "./libc.ts";

/** Waits between tries grow to this. */
const longestWaitMs = 20;

/** The directory and all below it, parents first; empty when it is not there. */
export async function groupsAtOrBelow(directory: string): Promise<string[]> {
  let children: string[];
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    children = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
  const below: string[] = [directory];
  for (const child of children) below.push(...(await groupsAtOrBelow(join(directory, child))));
  return below;
}

/** A group may go at any moment: its directory is then not found, its open files have no device. */
function isGone(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOENT" || code === "ENODEV" || code === "ENOTDIR";
}

/** True when the group is there in any hierarchy. */
export async function cgroupExists(hierarchies: CgroupHierarchies, cgroup: string): Promise<boolean> {
  checkCgroupPath(cgroup);
  const isThere = async (directory: string) =>
    (await stat(directory).catch(() => undefined))?.isDirectory() === true;
  return (await Promise.all(groupDirectories(hierarchies, cgroup).map(isThere))).includes(true);
}

/** Every group at or below `cgroup`, of any hierarchy, as sorted paths from the root. */
export async function cgroupsBelow(hierarchies: CgroupHierarchies, cgroup: string): Promise<string[]> {
  checkCgroupPath(cgroup);
  const found = new Set<string>();
  for (const mount of new Set(hierarchies.mounts.values())) {
    for (const directory of await groupsAtOrBelow(posix.join(mount, cgroup))) {
      found.add(posix.join("/", posix.relative(mount, directory)));
    }
  }
  return [...found].toSorted();
}

/** The processes of the group and of those below it, in any hierarchy. */
export async function cgroupProcesses(hierarchies: CgroupHierarchies, cgroup: string): Promise<number[]> {
  checkCgroupPath(cgroup);
  const pids = new Set<number>();
  const each = groupDirectories(hierarchies, cgroup).map(async (top) => {
    for (const directory of await groupsAtOrBelow(top))
      for (const pid of await processesOf(directory)) pids.add(pid);
  });
  await Promise.all(each);
  return [...pids];
}

async function processesOf(directory: string): Promise<number[]> {
  try {
    const text = await readFile(join(directory, "cgroup.procs"), "latin1");
    // A process of another pid namespace than ours reads as 0.
    return text
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch (error) {
    // EOPNOTSUPP: a threaded group; its processes are listed by the group that holds it.
    if (isGone(error) || errnoOf(error) === "EOPNOTSUPP") return [];
    throw error;
  }
}

/**
 * Removes the group and all below it from every hierarchy. The kernel says EBUSY until the last process is
 * quite gone, so it is tried again for up to `wait`. Succeeds when there is none.
 *
 * @throws {Fault} wrongState, naming the processes that are still in it
 */
export async function removeCgroup(hierarchies: CgroupHierarchies, cgroup: string, wait: Ms): Promise<void> {
  checkOwnCgroup(cgroup);
  const until = performance.now() + wait;
  const remove = async (directory: string) => {
    for (let pause = 1; !(await removeTree(directory)); pause = Math.min(pause * 2, longestWaitMs)) {
      if (performance.now() >= until) throw await stillBusy(hierarchies, cgroup);
      await sleep(pause);
    }
  };
  await Promise.all(groupDirectories(hierarchies, cgroup).map(remove));
}

/** True when nothing is left; false when some group is busy. */
async function removeTree(directory: string): Promise<boolean> {
  let removed = true;
  for (const group of (await groupsAtOrBelow(directory)).toReversed()) {
    try {
      await rmdir(group);
    } catch (error) {
      if (isGone(error)) continue;
      if (errnoOf(error) !== "EBUSY") throw systemFault(`removing cgroup ${group}`, error);
      removed = false;
    }
  }
  return removed;
}

async function stillBusy(hierarchies: CgroupHierarchies, cgroup: string): Promise<Fault> {
  const pids = await cgroupProcesses(hierarchies, cgroup);
  const shown = pids.length === 0 ? "no process that is seen" : `processes ${pids.slice(0, 10).join(", ")}`;
  return new Fault("wrongState", `removing cgroup ${cgroup}: busy, with ${shown}`);
}
