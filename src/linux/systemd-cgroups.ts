import { posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ms } from "../base/units.ts";
import type { Cgroups } from "./contract.ts";
import type { SystemdUnits } from "./systemd-units.ts";

/** Waits between looks grow to this. */
const longestWaitMs = 20;

/**
 * Cgroups in a tree that systemd keeps: its slices are started and stopped, and a scope goes when it is empty. Neither is
 * made or removed by hand: systemd hears of the end of a scope by a file in its directory, and would take one that was
 * removed by others for one that runs. What lies within a scope is berth's own.
 */
export function systemdCgroups(cgroups: Cgroups, units: SystemdUnits): Cgroups {
  return {
    version: cgroups.version,
    directories: (cgroup) => cgroups.directories(cgroup),
    exists: (cgroup) => cgroups.exists(cgroup),
    processes: (cgroup) => cgroups.processes(cgroup),
    killAll: (cgroup, signal) => cgroups.killAll(cgroup, signal),
    freeze: (cgroup, signal) => cgroups.freeze(cgroup, signal),
    thaw: (cgroup) => cgroups.thaw(cgroup),
    liftCpuQuota: (cgroup) =>
      isSlice(cgroup) ? units.liftCpuQuota(posix.basename(cgroup)) : cgroups.liftCpuQuota(cgroup),
    below: (cgroup) => cgroups.below(cgroup),
    create: (cgroup) => (isSlice(cgroup) ? units.start(posix.basename(cgroup)) : cgroups.create(cgroup)),
    async remove(cgroup, wait) {
      if (!isSlice(cgroup) && !cgroup.endsWith(".scope")) return await cgroups.remove(cgroup, wait);
      if (!(await cgroups.exists(cgroup))) return;
      if (!isSlice(cgroup) && (await isGoneWithin(cgroup, wait, cgroups))) return;
      await units.stop(posix.basename(cgroup));
      // What another made there by hand stays behind.
      await cgroups.remove(cgroup, wait);
    },
  };
}

function isSlice(cgroup: string): boolean {
  return cgroup.endsWith(".slice");
}

async function isGoneWithin(cgroup: string, wait: Ms, cgroups: Cgroups): Promise<boolean> {
  const until = performance.now() + wait;
  for (let pause = 1; ; pause = Math.min(pause * 2, longestWaitMs)) {
    if (!(await cgroups.exists(cgroup))) return true;
    if (performance.now() >= until) return false;
    await sleep(pause);
  }
}
