import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../../base/deadline.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { killIfThere } from "../../linux/kill-if-there.ts";
import { argsOf } from "../conmon/monitors.ts";

/** Ends every process of the group's shim, which may be one that is just starting, once `patience` is over. */
export async function endShimProcesses(
  group: string,
  paths: Paths,
  patience: Ms,
  signal: AbortSignal,
): Promise<void> {
  const killAt = performance.now() + patience;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const left = (await readdir("/proc")).filter((pid) => isShimOf(group, pid, paths)).map(Number);
    if (left.length === 0) return;
    throwIfEnded(signal, `ending the shim ${group}`);
    if (performance.now() >= killAt) for (const pid of left) killIfThere(pid);
    await sleep(wait);
  }
}

/** By its command line, which has to name the group and this daemon. */
function isShimOf(group: string, pid: string, { socket }: Paths): boolean {
  if (!/^[0-9]+$/.test(pid)) return false;
  const args = argsOf(Number(pid));
  const after = (option: string) => args[args.indexOf(option) + 1];
  return args.includes("-id") && after("-id") === group && after("-address") === socket;
}
