import { readdir, readFile } from "node:fs/promises";
import { type ProcessStart, processIdentity } from "./process-identity.ts";

/** The processes of this host, but for this one, that began with these variables in their environment. Their own children inherit them. */
export async function processesWith(variables: Readonly<Record<string, string>>): Promise<ProcessStart[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^[0-9]+$/.test(entry)).map(Number);
  const wanted = Object.entries(variables).map(([name, value]) => `\0${name}=${value}\0`);
  const found: ProcessStart[] = [];
  for (const pid of pids) {
    if (pid === process.pid) continue;
    // latin1 keeps bytes apart, whatever a stranger's environment holds. Zombies have an empty one.
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!wanted.every((variable) => `\0${environment}`.includes(variable))) continue;
    const identity = processIdentity(pid);
    if (identity !== undefined) found.push(identity);
  }
  return found;
}
