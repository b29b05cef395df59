import { constants } from "node:os";
import { libc } from "./libc.ts";

const waitpid = libc.func("int waitpid(int pid, _Out_ int *status, int options)");
const WNOHANG = 1;
/**
 * SIGCHLD tells of an exit at once; this finds what it should have lost, and keeps the process alive
 * meanwhile.
 */
const sweepMs = 1000;

/** How a child ended: by its own exit code, or by a signal's name. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number as number, name]),
);

function decode(status: number): ChildExit {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null };
  return { code: null, signal: signalNames.get(signal) ?? `SIG${signal}` };
}

/**
 * Reaps children that were not started by Node. Waits for its own pids only, so that Node's children stay
 * Node's. Needs the main thread: signals arrive nowhere else.
 */
export class ChildExits {
  readonly #waiting = new Map<number, (exit: ChildExit) => void>();
  readonly #onChild = () => this.#reap();
  #sweep: NodeJS.Timeout | undefined;

  /** Resolves once `pid`, a child that nobody else waits for, has exited and is reaped. */
  wait(pid: number): Promise<ChildExit> {
    const exit = new Promise<ChildExit>((resolve) => this.#waiting.set(pid, resolve));
    if (this.#sweep === undefined) {
      process.on("SIGCHLD", this.#onChild);
      this.#sweep = setInterval(this.#onChild, sweepMs);
    }
    this.#reap(); // it may have exited before it was known here
    return exit;
  }

  #reap(): void {
    for (const [pid, resolve] of this.#waiting) {
      const status: [number] = [0];
      const got = waitpid(pid, status, WNOHANG);
      if (got === 0) continue;
      this.#waiting.delete(pid);
      // Somebody else reaped it: how it ended can not be known, and 255 is what stands for that.
      resolve(got === pid ? decode(status[0]) : { code: 255, signal: null });
    }
    if (this.#waiting.size > 0 || this.#sweep === undefined) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    process.off("SIGCHLD", this.#onChild);
  }
}
