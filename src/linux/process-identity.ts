import { readFileSync } from "node:fs";
import { errnoOf, systemFault } from "./libc.ts";
import { statField, statFields } from "./process-stat.ts";

/** A process that can't be confused with a later one of the same pid: start time in clock ticks since boot (proc(5), stat). */
export interface ProcessStart {
  readonly pid: number;
  readonly startTicks: number;
  readonly parent: number;
  readonly session: number;
}

/** What reading says of a process that is not there, or ends meanwhile. */
const gone: ReadonlySet<string | undefined> = new Set(["ENOENT", "ESRCH"]);

/**
 * Who runs under `pid` now. Undefined when nobody does; a zombie is nobody.
 *
 * @throws {Fault} when that can't be known, as without open files: a process that can't be looked at is not one that has ended
 */
export function processIdentity(pid: number): ProcessStart | undefined {
  const file = `/proc/${pid}/stat`;
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    if (gone.has(errnoOf(error))) return undefined;
    throw systemFault(`reading ${file}`, error);
  }
  const fields = statFields(text);
  const state = fields[statField.state];
  if (state === undefined || state === "Z" || state === "X") return undefined;
  return {
    pid,
    startTicks: Number(fields[statField.startTicks]),
    parent: Number(fields[statField.parent]),
    session: Number(fields[statField.session]),
  };
}
