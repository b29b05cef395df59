import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { Paths } from "../config/paths.ts";
import { killIfSame } from "../linux/kill-if-there.ts";
import { errnoOf, systemFault } from "../linux/libc.ts";
import { cgroupOfBundle } from "./bundle.ts";
import type { ContainerExit, MonitoredContainer } from "./contract.ts";
import { alive, exitOf, lostNote } from "./exits.ts";
import type { RuntimeHost } from "./host.ts";

/** How long killing what a lost monitor left may take. */
const killDeadline: Ms = 20_000;

export interface LostParts {
  readonly host: Pick<RuntimeHost, "cgroups" | "log">;
  readonly paths: Paths;
}

/** Without its monitor nobody would know the exit, nor read its output: it is killed, and that is noted as its exit. */
export async function endLost(
  id: ContainerId,
  container: MonitoredContainer,
  { host, paths }: LostParts,
): Promise<ContainerExit | undefined> {
  host.log.warn({ container: id }, "the container's monitor is gone; killing what it left");
  killIfSame(container.init);
  const cgroup = cgroupOfBundle(paths.container(id).bundle);
  if (cgroup !== undefined) await host.cgroups.killAll(cgroup, AbortSignal.timeout(killDeadline));
  while (alive(container.init)) await sleep(1);
  // a monitor that was only slow may have noted the exit meanwhile: its word counts
  noteLost(id, { host, paths });
  return exitOf(id, container, paths, host.cgroups);
}

/** So that a later daemon tells the same exit at the same time, where this one can't record it. */
function noteLost(id: ContainerId, { host, paths }: LostParts): void {
  const { exitFile } = paths.container(id);
  try {
    writeFileSync(exitFile, lostNote, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    const err = describeFault(systemFault(`writing ${exitFile}`, error));
    host.log.warn({ container: id, err }, "the end of a lost monitor could not be noted");
  }
}
