import { basename, join } from "node:path";
import type { PodSandboxId } from "../base/ids.ts";
import { cgroupNaming } from "../config/cgroup-naming.ts";
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
function podCgroup(id: PodSandboxId, cgroupParent: string, config: Config["cgroup"]): string {
  const parent = cgroupParent === "" ? config.parent : cgroupParent;
  const path = config.driver === "systemd" ? expandSlice(parent) : join("/", parent);
  return cgroupParent === "" && config.driver === "cgroupfs" ? join(path, id) : path;
}

/** Where the pod's monitors live: a leaf, as cgroup v2 wants processes only there. */
export function monitorCgroup(record: Pick<PodSandboxRecord, "id" | "cgroup" | "monitorCgroup">): string {
  return record.monitorCgroup ?? join(record.cgroup, `berth-${record.id}`);
}

/**
 * The cgroups of a new pod. One that cAdvisor shall take for CRI-O's has its monitors where CRI-O has a pod's own process,
 * of whose group cAdvisor asks for the pod's network.
 */
export function newPodCgroups(
  id: PodSandboxId,
  cgroupParent: string,
  config: Pick<Config, "cgroup" | "kubelet">,
): Pick<PodSandboxRecord, "cgroup" | "monitorCgroup"> {
  const cgroup = podCgroup(id, cgroupParent, config.cgroup);
  const { owner } = cgroupNaming(config);
  return owner === "berth" ? { cgroup } : { cgroup, monitorCgroup: join(cgroup, `${owner}-${id}`) };
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
