import { opendirSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { groupsAtOrBelow } from "../../linux/cgroup-tree.ts";
import type { FileText } from "../fields.ts";
import { readSmallFile } from "../small-file.ts";

/** The processes of the group at `directory` and of those below it. */
export function processesOf(directory: string): number[] {
  // a container may have put one process into many groups by its threads; listed there, it is one
  const pids = new Set<number>();
  // a process of another PID namespace than this one reads as 0
  for (const group of groupsAtOrBelow(directory))
    for (const line of (readSmallFile(`${group}/cgroup.procs`) ?? "").split("\n"))
      if (line !== "" && line !== "0") pids.add(Number(line));
  return [...pids];
}

/** A directory with more is read a part at a time, so that others get their turn. */
const fewDescriptors = 1000;

/** The names of a process's open files; none when it has ended. */
export function* descriptorsOf(pid: number): Iterable<string> {
  const directory = `/proc/${pid}/fd`;
  try {
    // their number since Linux 6.2, 0 before
    if (statSync(directory).size <= fewDescriptors) {
      yield* readdirSync(directory);
      return;
    }
    using opened = opendirSync(directory, { bufferSize: fewDescriptors });
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) yield entry.name;
  } catch {
    // it ended meanwhile
  }
}

/** Whether an open file is a socket; undefined when it is closed by now. */
export function isSocket(pid: number, descriptor: string): boolean | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith("socket:");
  } catch {
    return undefined;
  }
}

/** The soft limit of open files of a process (proc(5), limits). */
export function maxOpenFiles(pid: number): number | undefined {
  return parseMaxOpenFiles(readSmallFile(`/proc/${pid}/limits`));
}

export function parseMaxOpenFiles(limits: FileText): number | undefined {
  const soft = /^Max open files +([0-9]+) /m.exec(limits ?? "")?.[1];
  return soft === undefined ? undefined : Number(soft);
}
