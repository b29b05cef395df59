import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { processIdentity } from "../../linux/process-identity.ts";

function childrenOf(thread: string): string[] {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, "latin1").split(" ");
  } catch {
    return []; // the thread has ended meanwhile
  }
}

/** Children of this process that are dead and not reaped. */
export function deadChildren(): string[] {
  return readdirSync("/proc/self/task")
    .flatMap((thread) => childrenOf(thread))
    .filter((pid) => pid !== "" && processIdentity(Number(pid)) === undefined);
}

/** Command lines with `text` in them. */
export async function processesNaming(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (Number(pid) !== process.pid && line.includes(text)) found.push(line.replaceAll("\0", " "));
  }
  return found;
}
