import { basename, join } from "node:path";
import type { PodSandboxId } from "../base/ids.ts";
import type { Config } from "../config/schema.ts";
import { expandSlice } from "../linux/slice.ts";
import type { PodAttempt } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** How long the kernel may take to let go of a cgroup whose last process was just killed. */
const REMOVE_WAIT_MS = 2_000;

/**
 * The pod's cgroup as a path from the root of the hierarchies: the parent that the caller made for this pod, or one of
 * berth's own.
 */
export function podCgroup(id: PodSandboxId, cgroupParent: string, config: Config["cgroup"]): string {
  const parent = cgroupParent === "" ? config.parent : cgroupParent;
  const path = config.driver === "systemd" ? expandSlice(parent) : join("/", parent);
  return cgroupParent === "" && config.driver === "cgroupfs" ? join(path, id) : path;
}

/** Where the pod's monitors live: a leaf, as cgroup v2 wants processes only there. */
export function monitorCgroup(record: Pick<PodSandboxRecord, "id" | "cgroup">): string {
  return join(record.cgroup, `berth-${record.id}`);
}

function isOwn(record: PodSandboxRecord): boolean {
  return record.cgroup.endsWith(`/${record.id}`);
}

export async function createPodCgroup(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  await host.cgroups.create(monitorCgroup(record));
}

/** The caller's cgroup is left to the caller. */
export async function removePodCgroup(
  record: PodSandboxRecord,
  { host }: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  const cgroup = isOwn(record) ? record.cgroup : monitorCgroup(record);
  await host.cgroups.killAll(cgroup, signal);
  await host.cgroups.remove(cgroup, REMOVE_WAIT_MS);
}

/** The `cgroupsPath` of the OCI config for the pod's init (OCI runtime spec v1.2, config-linux, cgroups path). */
export function podCgroupsPath(record: PodSandboxRecord, driver: Config["cgroup"]["driver"]): string {
  return driver === "systemd"
    ? `${basename(record.cgroup)}:berth:${record.id}`
    : join(record.cgroup, record.id);
}
