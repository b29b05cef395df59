import { Fault } from "./fault.ts";
import type { Ms } from "./units.ts";

/** The longest time that a timer can be set to. */
const longestTimerMs: Ms = 0x7fffffff;

/** What bounds an operation in time. Disposed of when the operation has ended. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that aborts in `ms`, or when `outer` does, whichever is first. Unlike one of `AbortSignal.timeout`, it does
 * not keep what listened to it in memory until it is due: a node that starts a pod a second has minutes of those.
 */
export function deadlineIn(ms: Ms, outer?: AbortSignal): Deadline {
  const ending = new AbortController();
  const onOuter = () => ending.abort(outer?.reason);
  const onTime = () => ending.abort(new DOMException("The deadline has passed", "TimeoutError"));
  const timer = setTimeout(onTime, Math.min(ms, longestTimerMs)).unref();
  outer?.addEventListener("abort", onOuter, { once: true });
  if (outer?.aborted === true) onOuter();
  return {
    signal: ending.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", onOuter);
    },
  };
}

/**
 * Throws when `signal` has aborted.
 *
 * @throws {Fault} deadline or cancelled
 */
export function throwIfEnded(signal: AbortSignal, doing: string): void {
  if (!signal.aborted) return;
  const late = signal.reason instanceof Error && signal.reason.name === "TimeoutError";
  throw new Fault(late ? "deadline" : "cancelled", late ? `${doing}: took too long` : `${doing}: cancelled`, {
    cause: signal.reason,
  });
}

/**
 * Waits for `work`, but no longer than `signal` allows. The work itself goes on: what a caller's cancellation ends is
 * that caller's wait.
 *
 * @throws {Fault} deadline or cancelled when the signal aborts first; else what the work throws
 */
export async function waitFor<T>(work: Promise<T>, signal: AbortSignal, doing: string): Promise<T> {
  work.catch(() => undefined); // its failure is heard by who waits, if anyone still does
  throwIfEnded(signal, doing);
  const ended = Promise.withResolvers<never>();
  const onAbort = () => {
    try {
      throwIfEnded(signal, doing);
    } catch (error) {
      ended.reject(error);
    }
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, ended.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
