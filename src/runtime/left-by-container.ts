import { join } from "node:path";
import type { ContainerId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { Paths } from "../config/paths.ts";
import type { Cgroups } from "../linux/contract.ts";
import { oomNotes } from "./oom-kills.ts";

/** How long the kernel may take to let go of a cgroup whose processes were just killed. */
const removeWait: Ms = 2000;

/** The files that a container leaves in its bundle and beside it, whatever ran it: its conmon's, and berth's own. */
export function filesOfContainer(id: ContainerId, paths: Paths): string[] {
  const { bundle, pidFile, monitorPidFile, exitFile, oomFile, handlerFile } = paths.container(id);
  const ofConmon = ["attach", "ctl", "winsz"].map((name) => join(bundle, name));
  const notes = [...oomNotes(bundle), `${handlerFile}.new`, handlerFile];
  return [pidFile, monitorPidFile, exitFile, oomFile, ...ofConmon, ...notes];
}

/** Takes a container's cgroup away, with what is in it. False when it had none, or has none any more. */
export async function removeCgroup(
  cgroup: string | undefined,
  cgroups: Cgroups,
  signal: AbortSignal,
): Promise<boolean> {
  if (cgroup === undefined || !(await cgroups.exists(cgroup))) return false;
  await cgroups.killAll(cgroup, signal);
  await cgroups.remove(cgroup, removeWait);
  return true;
}
