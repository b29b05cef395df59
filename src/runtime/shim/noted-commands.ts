import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";

/** What the names of commands begin with: by it the next daemon finds those that this one was killed in. */
const prefix = "berth-";

export function commandName(random: string): string {
  return `${prefix}${random}`;
}

export function isCommand(execId: string): boolean {
  return execId.startsWith(prefix);
}

/**
 * Commands in a sandbox, on disk while they are: it does not tell their names, and they have no cgroup on this host to fall with.
 */
export function noteCommand(id: ContainerId, execId: string, paths: Paths): void {
  writeFileSync(noteOf(id, execId, paths), "", { mode: 0o600 });
}

export function dropNote(id: ContainerId, execId: string, paths: Paths): void {
  rmSync(noteOf(id, execId, paths), { force: true });
}

export function notedCommands(id: ContainerId, paths: Paths): string[] {
  try {
    return readdirSync(paths.container(id).keeper).filter(isCommand);
  } catch {
    return []; // the container has no keeper (any more)
  }
}

function noteOf(id: ContainerId, execId: string, paths: Paths): string {
  return join(paths.container(id).keeper, execId);
}
