import { basename, join } from "node:path";
import type { PodSandboxId } from "../base/ids.ts";
import { cgroupNaming } from "../config/cgroup-naming.ts";
import type { Config } from "../config/schema.ts";
import { slicePath, unitBelow } from "../linux/slice.ts";
import type { PodAttempt, PodHost } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** How long the kernel may take to let go of a cgroup whose last process was just killed. */
const REMOVE_WAIT_MS = 2_000;

/**
 * The pod's cgroup as a path from the root of the hierarchies: the parent that the caller made for this pod, or one of
 * berth's own.
 */
function podCgroup(id: PodSandboxId, cgroupParent: string, { driver, parent }: Config["cgroup"]): string {
  const isOwn = cgroupParent === "";
  if (driver === "cgroupfs") return isOwn ? join("/", parent, id) : join("/", cgroupParent);
  return slicePath(isOwn ? unitBelow(parent, `${id}.slice`) : cgroupParent);
}

/** Where the pod's monitors live: a leaf, as cgroup v2 wants processes only there. */
export function monitorCgroup(record: Pick<PodSandboxRecord, "id" | "cgroup" | "monitorCgroup">): string {
  return record.monitorCgroup ?? join(record.cgroup, `berth-${record.id}`);
}

/**
 * The cgroups of a new pod. With cgroupfs its monitors are in its own. With systemd those of all pods share a scope, in
 * which berth may make groups by hand: a scope for each pod would cost each its start (docs/decisions/0330).
 *
 * A pod that cAdvisor shall take for CRI-O's has its monitors where CRI-O has a pod's own process, of whose group cAdvisor
 * asks for the pod's network.
 */
export function newPodCgroups(
  id: PodSandboxId,
  cgroupParent: string,
  config: Pick<Config, "cgroup" | "kubelet">,
): Pick<PodSandboxRecord, "cgroup" | "monitorCgroup"> {
  const cgroup = podCgroup(id, cgroupParent, config.cgroup);
  const { owner, driver } = cgroupNaming(config);
  const isSystemd = driver === "systemd";
  if (owner === "crio") {
    return { cgroup, monitorCgroup: join(cgroup, isSystemd ? `${owner}-${id}.scope` : `${owner}-${id}`) };
  }
  return isSystemd ? { cgroup, monitorCgroup: join(monitorsScope(config.cgroup), id) } : { cgroup };
}

/** The scope of all pods' monitors, with systemd: `/berth.slice/berth-monitors.scope`. */
function monitorsScope({ parent }: Pick<Config["cgroup"], "parent">): string {
  return join(slicePath(parent), unitBelow(parent, "monitors.scope"));
}

function isOwn({ id, cgroup }: PodSandboxRecord): boolean {
  return basename(cgroup, ".slice").endsWith(id);
}

/** With systemd and cgroup v2, a scope begins with its first process: the monitors' is not made here. */
export async function createPodCgroup(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  const isSystemd = host.config.cgroup.driver === "systemd";
  if (isSystemd && isOwn(record)) await host.cgroups.create(record.cgroup);
  if (!isSystemd || host.cgroups.version === 1) await host.cgroups.create(monitorCgroup(record));
}

/** The caller's cgroup is left to the caller. */
function ownCgroups(record: PodSandboxRecord): string[] {
  return [monitorCgroup(record), ...(isOwn(record) ? [record.cgroup] : [])];
}

/** Kills what is left of the pod's processes. */
export async function killLeft(
  record: PodSandboxRecord,
  { cgroups }: Pick<PodHost, "cgroups">,
  signal: AbortSignal,
): Promise<void> {
  for (const cgroup of ownCgroups(record)) await cgroups.killAll(cgroup, signal);
}

export async function removePodCgroup(
  record: PodSandboxRecord,
  { host }: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  await killLeft(record, host, signal);
  for (const cgroup of ownCgroups(record)) await host.cgroups.remove(cgroup, REMOVE_WAIT_MS);
}

/** The cgroup of the pod's own container. */
export function sandboxCgroup(record: PodSandboxRecord, driver: Config["cgroup"]["driver"]): string {
  return join(record.cgroup, driver === "systemd" ? `berth-${record.id}.scope` : record.id);
}

/** The `cgroupsPath` of the OCI config for the pod's own container (OCI runtime spec v1.2, config-linux, cgroups path). */
export function sandboxCgroupsPath(record: PodSandboxRecord, driver: Config["cgroup"]["driver"]): string {
  return driver === "systemd"
    ? `${basename(record.cgroup)}:berth:${record.id}`
    : sandboxCgroup(record, driver);
}
