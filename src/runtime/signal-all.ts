import type { Cgroups } from "../linux/contract.ts";
import { killIfThere } from "../linux/kill-if-there.ts";
import { cgroupOfBundle } from "./bundle.ts";

/** Signals every process of the container that a bundle was made for. @returns false when its config names no cgroup */
export async function signalAll(
  bundle: string,
  number: number,
  cgroups: Cgroups,
  signal: AbortSignal,
): Promise<boolean> {
  const cgroup = cgroupOfBundle(bundle);
  if (cgroup === undefined) return false;
  if (number === 9) await cgroups.killAll(cgroup, signal);
  else for (const pid of await cgroups.processes(cgroup)) killIfThere(pid, number);
  return true;
}
