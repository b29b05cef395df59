import { posix } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import type { Config } from "../../config/schema.ts";

/**
 * The container's `cgroupsPath` below its pod's cgroup (a path from the root of the hierarchies). A systemd driver is
 * told `slice:prefix:name` and makes the scope `berth-<id>.scope`.
 */
export function ociCgroupsPath(
  driver: Config["cgroup"]["driver"],
  podCgroup: string,
  id: ContainerId,
): string {
  return driver === "systemd" ? `${posix.basename(podCgroup)}:berth:${id}` : posix.join("/", podCgroup, id);
}

/** The same cgroup as a path from the root of the hierarchies. */
export function containerCgroup(
  driver: Config["cgroup"]["driver"],
  podCgroup: string,
  id: ContainerId,
): string {
  return posix.join("/", podCgroup, driver === "systemd" ? `berth-${id}.scope` : id);
}
