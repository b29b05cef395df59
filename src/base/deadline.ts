import { Fault } from "./fault.ts";
import type { Ms } from "./units.ts";

/** A signal that aborts after `ms`, or when `outer` does, whichever is first. */
export function withDeadline(ms: Ms, outer?: AbortSignal): AbortSignal {
  const deadline = AbortSignal.timeout(ms);
  return outer === undefined ? deadline : AbortSignal.any([deadline, outer]);
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
