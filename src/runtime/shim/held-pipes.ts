import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** Of how a file was opened (open(2)): for writing, for both; and a descriptor that only names its file. */
const [O_ACCMODE, O_PATH] = [0o3, 0o10000000];

/** "pipe:[12345]"; undefined for what is no pipe, or is closed. */
export function pipeAt(fd: string): string | undefined {
  try {
    return statSync(fd).isFIFO() ? readlinkSync(fd) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a process holds one of these pipes, at whichever end. */
export function holdsAny(pid: number, pipes: readonly (string | undefined)[]): boolean {
  return fdsOf(pid, pipes).length > 0;
}

/** Whether a process has this pipe open to read from it. */
export function readsFrom(pid: number, pipe: string | undefined): boolean {
  return fdsOf(pid, [pipe]).some((fd) => {
    const flags = flagsOf(pid, fd);
    return flags !== undefined && (flags & (O_ACCMODE | O_PATH)) === 0;
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
