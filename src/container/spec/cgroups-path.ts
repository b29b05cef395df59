import { posix } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import type { CgroupNaming } from "../../config/cgroup-naming.ts";

/**
 * The container's `cgroupsPath` below its pod's cgroup (a path from the root of the hierarchies). A systemd driver is
 * told `slice:prefix:name` and makes the scope `berth-<id>.scope`.
 */
export function ociCgroupsPath(naming: CgroupNaming, podCgroup: string, id: ContainerId): string {
  return naming.driver === "systemd"
    ? `${posix.basename(podCgroup)}:${naming.owner}:${id}`
    : containerCgroup(naming, podCgroup, id);
}

/** The same cgroup as a path from the root of the hierarchies. */
export function containerCgroup({ driver, owner }: CgroupNaming, podCgroup: string, id: ContainerId): string {
  const plain = owner === "berth" ? id : `${owner}-${id}`;
  return posix.join("/", podCgroup, driver === "systemd" ? `${owner}-${id}.scope` : plain);
}
