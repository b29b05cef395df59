import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../base/deadline.ts";
import type { Ms } from "../base/units.ts";
import { killIfSame } from "./kill-if-there.ts";
import type { ProcessStart } from "./process-identity.ts";

/** Waits until none is found any more; those that still are after `patience` are killed. @throws {Fault} as `signal` says */
export async function endProcesses(
  find: () => Promise<readonly ProcessStart[]>,
  what: string,
  patience: Ms,
  signal: AbortSignal,
): Promise<void> {
  const killAt = performance.now() + patience;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const left = await find();
    if (left.length === 0) return;
    throwIfEnded(signal, `ending ${what}`);
    if (performance.now() >= killAt) for (const each of left) killIfSame(each);
    await sleep(wait);
  }
}
