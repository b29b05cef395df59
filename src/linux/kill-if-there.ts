import { type ProcessStart, processIdentity } from "./process-identity.ts";

/**
 * KILL, where the process may have gone meanwhile. For a pid that was looked up in this very turn, or a child that is not reaped:
 * any other may be somebody else's by now, as a busy host comes round to the same number within minutes.
 */
export function killIfThere(pid: number, signal: number | "SIGKILL" = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** KILL for a process that was looked up some time ago, if it is still it that has the pid. */
export function killIfSame({ pid, startTicks }: Pick<ProcessStart, "pid" | "startTicks">): void {
  if (processIdentity(pid)?.startTicks === startTicks) killIfThere(pid);
}
