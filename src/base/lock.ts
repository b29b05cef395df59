import { Fault } from "./fault.ts";

interface Waiter {
  grant(): void;
}

/**
 * First come, first served locks, one for each key. A lock that nobody holds or waits for takes no memory.
 *
 * Lock order in berth: pod, then container, then image.
 */
export class KeyedLocks<Key extends string> {
  readonly #queues = new Map<Key, Waiter[]>();

  /**
   * Waits for `key` and holds it until the result is disposed of.
   *
   * @throws {Fault} cancelled or deadline, as `signal` says, when it aborts before the lock is held
   */
  hold(key: Key, signal: AbortSignal): Promise<Disposable> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(waitEnded(key, signal));
        return;
      }
      const queue = this.#queues.get(key);
      const giveUp = () => {
        const waiting = this.#queues.get(key);
        waiting?.splice(waiting.indexOf(waiter), 1);
        reject(waitEnded(key, signal));
      };
      const waiter: Waiter = {
        grant: () => {
          signal.removeEventListener("abort", giveUp);
          resolve(this.#release(key, waiter));
        },
      };
      if (queue === undefined) {
        this.#queues.set(key, [waiter]);
        waiter.grant();
        return;
      }
      signal.addEventListener("abort", giveUp, { once: true });
      queue.push(waiter);
    });
  }

  /** True while someone holds `key`. */
  held(key: Key): boolean {
    return this.#queues.has(key);
  }

  #release(key: Key, waiter: Waiter): Disposable {
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        const queue = this.#queues.get(key);
        if (queue?.[0] !== waiter) return;
        queue.shift();
        const next = queue[0];
        if (next === undefined) this.#queues.delete(key);
        else next.grant();
      },
    };
  }
}

function waitEnded(key: string, signal: AbortSignal): Fault {
  const late = signal.reason instanceof Error && signal.reason.name === "TimeoutError";
  return new Fault(
    late ? "deadline" : "cancelled",
    `gave up waiting for ${key}: another operation on it is still running`,
    {
      cause: signal.reason,
    },
  );
}
