import { readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
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
import type { HostThread } from "./host-thread.ts";
import { errnoOf, systemFault } from "./libc.ts";

/** Waits between tries grow to this. */
const longestWaitMs = 20;
/** The links of a directory without directories in it: its own name and its `.`. */
const leafLinks = 2;

/**
 * The directory and all below it, parents first; empty when it is not there. At once, as all that only reads here: the
 * kernel answers from memory, without a lock that others hold for long.
 */
export function groupsAtOrBelow(directory: string): string[] {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined || !found.isDirectory()) return [];
  if (found.nlink === leafLinks) return [directory];
  try {
    const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [directory, ...children.flatMap(({ name }) => groupsAtOrBelow(join(directory, name)))];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** A group may go at any moment: its directory is then not found, its open files have no device. */
function isGone(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOENT" || code === "ENODEV" || code === "ENOTDIR";
}

/** True when the group is there in any hierarchy. */
export function cgroupExists(hierarchies: CgroupHierarchies, cgroup: string): boolean {
  checkCgroupPath(cgroup);
  return groupDirectories(hierarchies, cgroup).some(
    (directory) => statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true,
  );
}

/** Every group at or below `cgroup`, of any hierarchy, as sorted paths from the root. */
export function cgroupsBelow(hierarchies: CgroupHierarchies, cgroup: string): string[] {
  checkCgroupPath(cgroup);
  const found = new Set<string>();
  for (const mount of new Set(hierarchies.mounts.values())) {
    for (const directory of groupsAtOrBelow(posix.join(mount, cgroup))) {
      found.add(posix.join("/", posix.relative(mount, directory)));
    }
  }
  return [...found].toSorted();
}

/** The processes of the group and of those below it, in any hierarchy. */
export function cgroupProcesses(hierarchies: CgroupHierarchies, cgroup: string): number[] {
  checkCgroupPath(cgroup);
  const pids = new Set<number>();
  for (const top of groupDirectories(hierarchies, cgroup))
    for (const directory of groupsAtOrBelow(top)) for (const pid of processesOf(directory)) pids.add(pid);
  return [...pids];
}

function processesOf(directory: string): number[] {
  try {
    const text = readFileSync(join(directory, "cgroup.procs"), "utf8");
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
export async function removeCgroup(
  hierarchies: CgroupHierarchies,
  cgroup: string,
  wait: Ms,
  thread: HostThread,
): Promise<void> {
  checkOwnCgroup(cgroup);
  if (!cgroupExists(hierarchies, cgroup)) return;
  const until = performance.now() + wait;
  for (let pause = 1; ; pause = Math.min(pause * 2, longestWaitMs)) {
    if (await thread.run("removeCgroup", { hierarchies, cgroup })) return;
    if (performance.now() >= until) throw stillBusy(hierarchies, cgroup);
    await sleep(pause);
  }
}

/** Removes what can be removed of it now. The kernel may make it wait. @returns false when some group is busy */
export function removeCgroupNow(hierarchies: CgroupHierarchies, cgroup: string): boolean {
  let removed = true;
  for (const top of groupDirectories(hierarchies, cgroup))
    for (const group of groupsAtOrBelow(top).toReversed()) if (!removeGroup(group)) removed = false;
  return removed;
}

function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    if (errnoOf(error) === "EBUSY") return false;
    throw systemFault(`removing cgroup ${group}`, error);
  }
}

function stillBusy(hierarchies: CgroupHierarchies, cgroup: string): Fault {
  const pids = cgroupProcesses(hierarchies, cgroup);
  const shown = pids.length === 0 ? "no process that is seen" : `processes ${pids.slice(0, 10).join(", ")}`;
  return new Fault("wrongState", `removing cgroup ${cgroup}: busy, with ${shown}`);
}
