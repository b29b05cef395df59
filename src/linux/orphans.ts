import { readdirSync, readFileSync } from "node:fs";
import { check, libc } from "./libc.ts";
import { processIdentity } from "./process-identity.ts";

const prctl = libc.func(
  "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
);
const waitid = libc.func("int waitid(int type, unsigned int id, void *info, int options)");
const waitpid = libc.func("int waitpid(int pid, _Out_ int *status, int options)");

const PR_SET_CHILD_SUBREAPER = 36;
const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
/** More than a siginfo_t (128 bytes); its si_pid lies at 16 on 64-bit machines. */
const infoBytes = 256;
const pidOffset = 16;
const sweepMs = 10_000;

let sweeping: NodeJS.Timeout | undefined;
/** Dead children seen by the last sweep. Node and ChildExits reap theirs within a second: what stays is nobody's. */
let seen = new Set<number>();

/**
 * Makes this process the parent of what its programs leave behind (PR_SET_CHILD_SUBREAPER, prctl(2)): so it can wait
 * for a process that a runtime started and left, and nothing stays a zombie where pid 1 does not reap. Survivors of
 * this process go to pid 1 as ever.
 */
export function adoptOrphans(): void {
  if (sweeping !== undefined) return;
  check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "PR_SET_CHILD_SUBREAPER");
  sweeping = setInterval(reapForgotten, sweepMs);
  sweeping.unref();
}

/** Reaps `pid` if it is a dead child of ours that nobody waits for. */
export function reapOrphan(pid: number): void {
  waitpid(pid, [0], WNOHANG);
}

function reapForgotten(): void {
  const dead = anyDead() === 0 ? [] : deadChildren();
  for (const pid of dead) if (seen.has(pid)) reapOrphan(pid);
  seen = new Set(dead);
}

/** A dead child's pid without reaping it; 0 when there is none. One call, so that an idle sweep costs nothing. */
function anyDead(): number {
  const info = Buffer.alloc(infoBytes);
  return waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) === 0 ? info.readInt32LE(pidOffset) : 0;
}

function deadChildren(): number[] {
  const children: number[] = [];
  for (const thread of readdirSync("/proc/self/task")) {
    try {
      const list = readFileSync(`/proc/self/task/${thread}/children`, "latin1");
      children.push(...list.split(" ").filter(Boolean).map(Number));
    } catch {
      // the thread has ended, or the kernel has no such list: then those that anyDead shows, one a sweep
      const one = anyDead();
      if (one !== 0) children.push(one);
    }
  }
  return children.filter((pid) => processIdentity(pid) === undefined);
}
