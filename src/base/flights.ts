import { deadlineIn } from "./deadline.ts";
import { Fault } from "./fault.ts";
import type { Ms } from "./units.ts";

interface Flight<Value, Request> {
  readonly request: Request;
  readonly result: Promise<Value>;
  readonly abort: AbortController;
}

/**
 * Operations that run once for each key, however many callers wait for them. An operation runs under its own
 * deadline: a caller that leaves does not end it. `Request` is what the first caller asked for, so that a later one
 * can tell whether it asks for the same.
 */
export class Flights<Key, Value, Request = Key> {
  readonly #flights = new Map<Key, Flight<Value, Request>>();

  /** The operation in flight for `key`, or a new one: `work` gets a signal that aborts at the deadline or by `abort`. */
  join(
    key: Key,
    request: Request,
    deadline: Ms,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const running = this.#flights.get(key);
    if (running !== undefined) return running.result;
    const abort = new AbortController();
    const limit = deadlineIn(deadline, abort.signal);
    const result = work(limit.signal).finally(() => {
      limit[Symbol.dispose]();
      this.#flights.delete(key);
    });
    result.catch(() => undefined);
    this.#flights.set(key, { request, result, abort });
    return result;
  }

  /** The operation in flight for `key`, and what it was asked for. */
  get(key: Key): { readonly request: Request; readonly result: Promise<Value> } | undefined {
    return this.#flights.get(key);
  }

  /** Tells the operation in flight for `key` to end, and waits until it has, however it ends. */
  async abort(key: Key, reason: string): Promise<void> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return;
    flight.abort.abort(new Fault("cancelled", reason));
    await flight.result.then(
      () => undefined,
      () => undefined,
    );
  }
}
