import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { Fault } from "../base/fault.ts";
import { type CgroupHierarchies, checkOwnCgroup, groupDirectories } from "./cgroup-hierarchies.ts";
import { errnoOf, systemFault } from "./libc.ts";

/** Kernel files are written, never made. */
const existing = { flag: "r+" };

/** `/a`, `/a/b`, `/a/b/c` for `/a/b/c`. */
function ancestors(cgroup: string): string[] {
  const parts = cgroup.split("/").filter(Boolean);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

/** Makes the group in every hierarchy, with its parents. Succeeds where it is there. The kernel may make it wait. */
export function createCgroup(hierarchies: CgroupHierarchies, cgroup: string): void {
  checkOwnCgroup(cgroup);
  try {
    if (hierarchies.version === 2) {
      for (const mount of hierarchies.mounts.values()) createUnified(mount, cgroup);
      return;
    }
    for (const directory of groupDirectories(hierarchies, cgroup)) mkdirSync(directory, { recursive: true });
    const cpuset = hierarchies.mounts.get("cpuset");
    if (cpuset !== undefined) inheritCpuset(cpuset, cgroup);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw systemFault(`creating cgroup ${cgroup}`, error);
  }
}

/** A new v1 cpuset is empty, and takes no process until it has processors and memory nodes. */
function inheritCpuset(mount: string, cgroup: string): void {
  for (const group of ancestors(cgroup)) {
    for (const name of ["cpuset.cpus", "cpuset.mems"]) {
      const file = posix.join(mount, group, name);
      if (readFileSync(file, "utf8").trim() !== "") continue;
      const inherited = readFileSync(posix.join(mount, posix.dirname(group), name), "utf8");
      writeFileSync(file, inherited, existing);
    }
  }
}

/** Level by level: a group has the controllers that its parent passes on. */
function createUnified(mount: string, cgroup: string): void {
  let parent = mount;
  for (const group of ancestors(cgroup)) {
    passOnControllers(parent);
    parent = posix.join(mount, group);
    mkdirSync(parent, { recursive: true });
  }
}

function passOnControllers(directory: string): void {
  const words = (name: string) => readFileSync(join(directory, name), "utf8").split(/\s+/).filter(Boolean);
  const passed = new Set(words("cgroup.subtree_control"));
  const missing = words("cgroup.controllers").filter((controller) => !passed.has(controller));
  for (const controller of missing) {
    try {
      writeFileSync(join(directory, "cgroup.subtree_control"), `+${controller}`, existing);
    } catch (error) {
      // Else it is one that can not be passed on here and now, such as cpu with realtime tasks: the limits will tell.
      if (errnoOf(error) !== "EBUSY") continue;
      throw new Fault(
        "wrongState",
        `cgroup ${directory} can not pass on ${controller}: it holds processes itself`,
        {
          cause: error,
          hint: "in cgroup v2 a group with processes of its own has no groups with limits below it",
        },
      );
    }
  }
}
