import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { type ProcessStart, processIdentity } from "./process-identity.ts";

/** The command line of a process; empty for one that has ended. */
export function argsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0$/, "").split("\0");
  } catch {
    return [];
  }
}

/** The processes of this host whose command line is one that is looked for. */
export async function processesBy(
  isWanted: (args: readonly string[], pid: number) => boolean,
): Promise<ProcessStart[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  return pids.flatMap((pid) => (isWanted(argsOf(pid), pid) ? (processIdentity(pid) ?? []) : []));
}
