import { libc } from "./libc.ts";

const waitid = libc.func("int waitid(int type, unsigned int id, void *info, int options)");
const waitpid = libc.func("int waitpid(int pid, _Out_ int *status, int options)");
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
/** More than a siginfo_t (128 bytes), and where its fields lie on 64-bit machines. */
const infoBytes = 256;
const codeOffset = 8;
const pidOffset = 16;
const statusOffset = 24;
const CLD_EXITED = 1;

/** How a child died: `status` is its exit code, or else the number of the signal that killed it. */
export interface Death {
  readonly exited: boolean;
  readonly status: number;
}

const info = Buffer.alloc(infoBytes);

/**
 * How a child of this process died that is still to be reaped; nothing is reaped. One call, which waits for nothing (waitid(2)).
 *
 * @param pid which one; absent: any
 * @returns undefined as long as it lives; "none" when there is no such child
 */
export function deathOf(pid?: number): Death | "none" | undefined {
  info.writeInt32LE(0, pidOffset);
  const type = pid === undefined ? P_ALL : P_PID;
  if (waitid(type, pid ?? 0, info, WEXITED | WNOHANG | WNOWAIT) !== 0) return "none";
  if (info.readInt32LE(pidOffset) === 0) return undefined;
  return { exited: info.readInt32LE(codeOffset) === CLD_EXITED, status: info.readInt32LE(statusOffset) };
}

/** Reaps `pid` if it is a dead child of this process. @returns false while it lives */
export function reapIfDead(pid: number): boolean {
  return waitpid(pid, [0], WNOHANG) !== 0;
}

/** Reaps `pid`, a child of this process, once it is dead. Blocks the thread. */
export function reapOnceEnded(pid: number): void {
  waitpid(pid, [0], 0);
}
