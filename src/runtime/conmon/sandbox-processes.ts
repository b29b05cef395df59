import type { ContainerId } from "../../base/ids.ts";
import type { RuntimeHost } from "../host.ts";
import type { Handler } from "./handlers.ts";
import { callRuntime, requireRuntime } from "./runtime-command.ts";

/**
 * Kills a process in a sandbox, by its id there, and all that it and its children started. They are stopped first, or one could start
 * another that nobody would know for theirs, once its parent is dead. Of those whose parents have ended before, some may be missed.
 *
 * @throws {Fault} internal with what the runtime said when it can't tell the container's processes
 */
export async function killTree(
  { id, pid }: { readonly id: ContainerId; readonly pid: number },
  handler: Handler,
  host: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<void> {
  // one that has ended meanwhile is refused
  const tell = (one: number, name: "STOP" | "KILL") =>
    callRuntime(handler, { args: ["kill", "--pid", String(one), id, name] }, host, signal);
  const doomed = new Set<number>();
  for (let found = [pid]; found.length > 0; ) {
    for (const one of found) {
      await tell(one, "STOP");
      doomed.add(one);
    }
    const parents = await parentsOf(id, handler, host, signal);
    found = [...parents].flatMap(([child, parent]) =>
      doomed.has(parent) && !doomed.has(child) ? [child] : [],
    );
  }
  for (const one of doomed) await tell(one, "KILL");
}

/**
 * Kills a command in a sandbox with what it and its children started, if it still runs. Its id may be another's since: what the
 * container itself started has a parent there, which commands have not.
 *
 * @throws {Fault} internal with what the runtime said when it can't tell the container's processes
 */
export async function killLeftTree(
  command: { readonly id: ContainerId; readonly pid: number },
  handler: Handler,
  host: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<void> {
  const parents = await parentsOf(command.id, handler, host, signal);
  if (parents.get(command.pid) === 0) await killTree(command, handler, host, signal);
}

async function parentsOf(
  id: ContainerId,
  handler: Handler,
  host: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<Map<number, number>> {
  const { stdout } = await requireRuntime(handler, { args: ["ps", id] }, host, signal);
  return parentsIn(Buffer.from(stdout).toString("utf8"));
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
