import { constants } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { Fault } from "../base/fault.ts";
import { type CgroupHierarchies, checkOwnCgroup, groupDirectories } from "./cgroup-hierarchies.ts";
import { errnoOf, systemFault } from "./libc.ts";

/** Kernel files are written, never made. */
const existing = { flag: constants.O_WRONLY };

/** `/a`, `/a/b`, `/a/b/c` for `/a/b/c`. */
function ancestors(cgroup: string): string[] {
  const parts = cgroup.split("/").filter(Boolean);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

/** Makes the group in every hierarchy, with its parents. Succeeds where it is there. */
export async function createCgroup(hierarchies: CgroupHierarchies, cgroup: string): Promise<void> {
  checkOwnCgroup(cgroup);
  try {
    if (hierarchies.version === 2) {
      for (const mount of hierarchies.mounts.values()) await createUnified(mount, cgroup);
      return;
    }
    await Promise.all(
      groupDirectories(hierarchies, cgroup).map((directory) => mkdir(directory, { recursive: true })),
    );
    const cpuset = hierarchies.mounts.get("cpuset");
    if (cpuset !== undefined) await inheritCpuset(cpuset, cgroup);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw systemFault(`creating cgroup ${cgroup}`, error);
  }
}

/** A new v1 cpuset is empty, and takes no process until it has processors and memory nodes. */
async function inheritCpuset(mount: string, cgroup: string): Promise<void> {
  for (const group of ancestors(cgroup)) {
    for (const name of ["cpuset.cpus", "cpuset.mems"]) {
      const file = posix.join(mount, group, name);
      if ((await readFile(file, "latin1")).trim() !== "") continue;
      const inherited = await readFile(posix.join(mount, posix.dirname(group), name), "latin1");
      await writeFile(file, inherited, existing);
    }
  }
}

/** Level by level: a group has the controllers that its parent passes on. */
async function createUnified(mount: string, cgroup: string): Promise<void> {
  let parent = mount;
  for (const group of ancestors(cgroup)) {
    await passOnControllers(parent);
    parent = posix.join(mount, group);
    await mkdir(parent, { recursive: true });
  }
}

async function passOnControllers(directory: string): Promise<void> {
  const words = async (name: string) =>
    (await readFile(join(directory, name), "latin1")).split(/\s+/).filter(Boolean);
  const passed = new Set(await words("cgroup.subtree_control"));
  const missing = (await words("cgroup.controllers")).filter((controller) => !passed.has(controller));
  for (const controller of missing) {
    try {
      await writeFile(join(directory, "cgroup.subtree_control"), `+${controller}`, existing);
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
