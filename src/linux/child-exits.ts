import { constants } from "node:os";
import type { Ms } from "../base/units.ts";
import { deathOf, reapIfDead } from "./reap.ts";

/**
 * SIGCHLD tells of an exit at once; this finds what it should have lost, and keeps the process alive
 * meanwhile.
 */
const sweepMs: Ms = 1000;
/**
 * A child is reaped so long after its exit was seen. The last thread of a program tells of the exit while it still takes
 * its own entries out of /proc; whoever reaps the program right then spins until that is done, for milliseconds when the
 * thread has lost its processor to the one that spins.
 */
const reapAfterMs: Ms = 20;

/** How a child ended: by its own exit code, or by a signal's name. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number as number, name]),
);

/** How `pid` ended, which stays to be reaped; undefined while it runs; 255 stands for what somebody else has reaped. */
function exitOf(pid: number): ChildExit | undefined {
  const death = deathOf(pid);
  if (death === undefined) return undefined;
  if (death === "none") return { code: 255, signal: null };
  const { exited, status } = death;
  return exited
    ? { code: status, signal: null }
    : { code: null, signal: signalNames.get(status) ?? `SIG${status}` };
}

/**
 * Waits for children that were not started by Node, and reaps them. Asks for its own pids only, so that Node's children
 * stay Node's. Needs the main thread: signals arrive nowhere else.
 */
export class ChildExits {
  readonly #waiting = new Map<number, (exit: ChildExit) => void>();
  readonly #onChild = () => this.#look();
  #sweep: NodeJS.Timeout | undefined;
  #dead: number[] = [];

  /** Resolves once `pid`, a child that nobody else waits for, has exited. It is reaped soon after. */
  wait(pid: number): Promise<ChildExit> {
    const exit = new Promise<ChildExit>((resolve) => this.#waiting.set(pid, resolve));
    if (this.#sweep === undefined) {
      process.on("SIGCHLD", this.#onChild);
      this.#sweep = setInterval(this.#onChild, sweepMs);
    }
    this.#look(); // it may have exited before it was known here
    return exit;
  }

  #look(): void {
    for (const [pid, resolve] of this.#waiting) {
      const exit = exitOf(pid);
      if (exit === undefined) continue;
      this.#waiting.delete(pid);
      this.#reapLater(pid);
      resolve(exit);
    }
    if (this.#waiting.size > 0 || this.#sweep === undefined) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    process.off("SIGCHLD", this.#onChild);
  }

  #reapLater(pid: number): void {
    this.#dead.push(pid);
    if (this.#dead.length > 1) return;
    setTimeout(() => {
      const dead = this.#dead;
      this.#dead = [];
      for (const each of dead) reapIfDead(each);
    }, reapAfterMs);
  }
}
