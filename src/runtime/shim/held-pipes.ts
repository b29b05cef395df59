import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** Of how a file was opened (open(2)): for what, of which this is to read alone; and a descriptor that only names its file. */
const [O_ACCMODE, O_RDONLY, O_PATH] = [0o3, 0, 0o10000000];

/** "pipe:[12345]"; undefined for what is no pipe, or is closed. */
export function pipeAt(fd: string): string | undefined {
  try {
    return statSync(fd).isFIFO() ? readlinkSync(fd) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a process has one of these pipes open to write into it. Kata's shim in Rust reads from them, too, until it deletes the container. */
export function writesToAny(pid: number, pipes: readonly (string | undefined)[]): boolean {
  return accessTo(pid, pipes).some((access) => access !== O_RDONLY);
}

/** Whether a process has this pipe open to read from it. */
export function readsFrom(pid: number, pipe: string | undefined): boolean {
  return accessTo(pid, [pipe]).includes(O_RDONLY);
}

/** For what a process has these pipes open. */
function accessTo(pid: number, pipes: readonly (string | undefined)[]): number[] {
  return fdsOf(pid, pipes).flatMap((fd) => {
    const flags = flagsOf(pid, fd);
    return flags === undefined || (flags & O_PATH) !== 0 ? [] : [flags & O_ACCMODE];
  });
}

function fdsOf(pid: number, pipes: readonly (string | undefined)[]): string[] {
  const fds = `/proc/${pid}/fd`;
  return namesIn(fds).filter((fd) => {
    const pipe = pipeAt(join(fds, fd));
    return pipe !== undefined && pipes.includes(pipe);
  });
}

function flagsOf(pid: number, fd: string): number | undefined {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1];
    return flags === undefined ? undefined : Number.parseInt(flags, 8);
  } catch {
    return undefined; // closed meanwhile
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the process has ended
  }
}
