import type { BootId } from "../base/ids.ts";
import type { Config } from "../config/schema.ts";
import { hostCgroups } from "../linux/cgroups.ts";
import type { Cgroups, Files, Mounts, Namespaces, Processes } from "../linux/contract.ts";
import { hostFiles } from "../linux/files.ts";
import type { HostThread } from "../linux/host-thread.ts";
import { Launcher } from "../linux/launcher.ts";
import { hostMounts } from "../linux/mounts.ts";
import { hostNamespaces } from "../linux/namespaces.ts";
import { hostProcesses } from "../linux/processes.ts";
import { systemdCgroups } from "../linux/systemd-cgroups.ts";
import { systemdUnits } from "../linux/systemd-units.ts";

/** The kernel, as berth uses it. */
export interface HostParts {
  readonly processes: Processes;
  readonly launcher: Launcher;
  readonly files: Files;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly namespaces: Namespaces;
  readonly bootId: BootId;
}

/** The kernel's ports. Calls that would block the daemon are made on `thread`. */
export async function openHost(thread: HostThread, bootId: BootId, config: Config): Promise<HostParts> {
  const mounts = hostMounts();
  const processes = hostProcesses();
  const cgroups = await hostCgroups(thread);
  const isSystemd = config.cgroup.driver === "systemd";
  return {
    processes,
    launcher: new Launcher(),
    files: hostFiles(thread),
    mounts,
    cgroups: isSystemd ? systemdCgroups(cgroups, systemdUnits(processes, config.runtime.path)) : cgroups,
    namespaces: hostNamespaces(thread, mounts),
    bootId,
  };
}
