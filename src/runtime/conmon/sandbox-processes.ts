import type { ContainerId } from "../../base/ids.ts";
import type { RuntimeHost } from "../host.ts";
import type { Handler } from "./handlers.ts";
import { callRuntime, requireRuntime } from "./runtime-command.ts";

/**
 * Kills a process in a sandbox, by its id there, and all that it and its children started. Of what was started meanwhile, or whose
 * parents have ended, some may be missed.
 *
 * @throws {Fault} internal with what the runtime said when it can't tell the container's processes
 */
export async function killTree(
  { id, pid }: { readonly id: ContainerId; readonly pid: number },
  handler: Handler,
  host: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<void> {
  const { stdout } = await requireRuntime(handler, { args: ["ps", id] }, host, signal);
  const parents = parentsIn(Buffer.from(stdout).toString("utf8"));
  const doomed = new Set([pid]);
  for (let before = 0; before < doomed.size; ) {
    before = doomed.size;
    for (const [child, parent] of parents) if (doomed.has(parent)) doomed.add(child);
  }
  for (const one of doomed) {
    // one that has ended meanwhile is refused
    await callRuntime(handler, { args: ["kill", "--pid", String(one), id, "KILL"] }, host, signal);
  }
}

/** Each process's parent, as the table has them that runsc's `ps` prints. */
function parentsIn(table: string): Map<number, number> {
  const [titles = [], ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const [pid, parent] = [titles.indexOf("PID"), titles.indexOf("PPID")];
  return new Map(rows.map((row) => [Number(row[pid]), Number(row[parent])]));
}
