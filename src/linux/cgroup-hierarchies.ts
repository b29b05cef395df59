import { posix } from "node:path";
import { Fault } from "../base/fault.ts";
import type { MountEntry } from "./contract.ts";

/** Where this host's cgroups are mounted. */
export interface CgroupHierarchies {
  /**
   * 2 when cgroup v2 holds the controllers; 1 also for "hybrid", where a v2 tree without them lies beside v1.
   */
  readonly version: 1 | 2;
  /**
   * Mount points by what they hold: each v1 controller (`memory`), each named hierarchy (`name=systemd`), and
   * `unified` for cgroup v2. Controllers that share a mount share the directory.
   */
  readonly mounts: ReadonlyMap<string, string>;
}

/** The key of the v2 tree. */
export const unified = "unified";

/**
 * Finds them in what is mounted; nothing is ever mounted by berth. Of several mounts of one hierarchy the
 * first in the table is taken.
 *
 * @param controllers the text of /proc/cgroups, which names the v1 controllers that the kernel knows
 * @throws {Fault} unavailable when there is none
 */
export function findCgroupHierarchies(
  entries: readonly MountEntry[],
  controllers: string,
): CgroupHierarchies {
  const known = new Set(
    controllers.split("\n").flatMap((line) => (line.startsWith("#") ? [] : (line.split("\t")[0] ?? []))),
  );
  const mounts = new Map<string, string>();
  let v1 = false;
  for (const { type, target, superOptions } of entries) {
    if (type === "cgroup2" && !mounts.has(unified)) mounts.set(unified, target);
    if (type !== "cgroup") continue;
    for (const option of superOptions.split(",")) {
      const controller = known.has(option);
      if ((!controller && !option.startsWith("name=")) || mounts.has(option)) continue;
      mounts.set(option, target);
      v1 ||= controller;
    }
  }
  if (v1) return { version: 1, mounts };
  const tree = mounts.get(unified);
  if (tree === undefined) {
    throw new Fault("unavailable", "no cgroup hierarchy is mounted", {
      hint: "mount cgroup2 at /sys/fs/cgroup",
    });
  }
  return { version: 2, mounts: new Map([[unified, tree]]) };
}

/** @throws {Fault} invalid for what is not a path from the root of the hierarchies */
export function checkCgroupPath(cgroup: string): void {
  if (
    !cgroup.startsWith("/") ||
    posix.normalize(cgroup) !== cgroup ||
    cgroup.includes("\0") ||
    cgroup.includes("\n")
  ) {
    throw new Fault("invalid", `cgroup ${JSON.stringify(cgroup)}: not an absolute path`);
  }
}

/** @throws {Fault} invalid also for the root, which is nobody's to create, kill or remove */
export function checkOwnCgroup(cgroup: string): void {
  checkCgroupPath(cgroup);
  if (cgroup === "/" || cgroup.endsWith("/"))
    throw new Fault("invalid", `cgroup ${JSON.stringify(cgroup)}: is the root`);
}

/** Each directory that stands for the group, once. */
export function groupDirectories({ mounts }: CgroupHierarchies, cgroup: string): string[] {
  return [...new Set(mounts.values())].map((mount) => posix.join(mount, cgroup));
}
