import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ContainerId } from "../base/ids.ts";
import type { UnixNanos } from "../base/units.ts";
import type { Paths } from "../config/paths.ts";
import type { Cgroups } from "../linux/contract.ts";
import { processIdentity } from "../linux/process-identity.ts";
import type { ContainerExit, MonitoredContainer, ProcessIdentity } from "./contract.ts";
import { wasOomKilled } from "./oom-kills.ts";

/** What is written in place of an exit code when the monitor was lost. */
export const lostNote = "255 monitorLost";

/** True while this very process lives; a zombie does not. */
export function alive({ pid, startTicks }: ProcessIdentity): boolean {
  return processIdentity(pid)?.startTicks === startTicks;
}

/** What the exit file says: the code, and its own time. Undefined when there is none. */
export function recordedExit(id: ContainerId, paths: Paths, cgroups: Cgroups): ContainerExit | undefined {
  const { bundle, exitFile } = paths.container(id);
  // the monitor writes both, this one first; the other may have failed for want of space
  const noted = readNote(exitFile) ?? readNote(join(bundle, "exit"));
  if (noted === undefined) return undefined;
  const [code, lost] = noted.text.trim().split(" ");
  if (lost !== undefined) return { id, code: 255, at: noted.at, cause: "monitorLost" };
  const exit = { id, code: exitCode(code), at: noted.at };
  return { ...exit, cause: wasOomKilled(id, exit.code, paths, cgroups) ? "oomKilled" : "exited" };
}

/** The exit, once container or monitor are gone: of a monitor that is lost, what is known is that it is over. */
export function exitOf(
  id: ContainerId,
  container: MonitoredContainer,
  paths: Paths,
  cgroups: Cgroups,
): ContainerExit | undefined {
  const monitored = alive(container.monitor);
  const exit = recordedExit(id, paths, cgroups); // after that: a monitor writes it before it ends
  if (exit !== undefined || monitored || alive(container.init)) return exit;
  return { id, code: 255, at: BigInt(Date.now()) * 1_000_000n, cause: "monitorLost" };
}

function readNote(file: string): { text: string; at: UnixNanos } | undefined {
  // asked for every container that runs, now and then: an error thrown takes ten times this
  if (!existsSync(file)) return undefined;
  try {
    const text = readFileSync(file, "latin1");
    if (text === "") return undefined; // made on a full disk
    return { text, at: statSync(file, { bigint: true }).mtimeNs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** conmon writes -1 when it never got to know it. */
function exitCode(text: string | undefined): number {
  const code = Number(text);
  return Number.isInteger(code) && code >= 0 && code <= 255 ? code : 255;
}
