import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { isPassing, Refused } from "./answer.ts";
import { ConnectionLost } from "./transport.ts";

/** How often and how patiently a request is tried again. */
export interface BackOff {
  /** Tries in all, without any progress in between. */
  readonly tries: number;
  /** Before the second try; doubled for each one after it. */
  readonly first: Ms;
  readonly longest: Ms;
  /** A registry that asks to wait longer than this is believed, and not asked again. */
  readonly longestAsked: Ms;
}

export const defaultBackOff: BackOff = { tries: 4, first: 300, longest: 10_000, longestAsked: 60_000 };

/**
 * Waits before the next try. `failed` counts the tries without progress so far.
 *
 * @throws the error itself when trying again is of no use; {Fault} cancelled or deadline, as `signal` says
 */
export async function waitToRetry(
  error: unknown,
  failed: number,
  backOff: BackOff,
  signal: AbortSignal,
): Promise<void> {
  const retryAfter = error instanceof Refused ? error.retryAfter : undefined;
  if (!mayPass(error) || failed >= backOff.tries) throw error;
  if (retryAfter !== undefined && retryAfter > backOff.longestAsked) {
    const seconds = Math.ceil(retryAfter / 1000);
    throw new Fault("unavailable", `the registry asks to wait ${seconds} s before the next request`, {
      cause: error,
    });
  }
  const grown = Math.min(backOff.longest, backOff.first * 2 ** (failed - 1));
  // Some luck in it, so that the layers of a pull, and the nodes of a cluster, don't come back all at once.
  const wait = Math.max(retryAfter ?? 0, grown * (0.5 + Math.random() / 2));
  await sleep(wait, undefined, { signal }).catch(() => throwIfEnded(signal, "waiting for the registry"));
}

/** Runs `attempt` until it succeeds or trying again is of no use. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  backOff: BackOff,
  signal: AbortSignal,
): Promise<T> {
  for (let failed = 1; ; failed++) {
    try {
      return await attempt();
    } catch (error) {
      throwIfEnded(signal, "asking the registry");
      await waitToRetry(error, failed, backOff, signal);
    }
  }
}

/**
 * What will be the same at the next try: names that don't exist, certificates that don't fit, answers that
 * say no.
 */
function mayPass(error: unknown): boolean {
  if (error instanceof Refused) return isPassing(error.status);
  return (
    error instanceof ConnectionLost &&
    !/^(ENOTFOUND|EPROTO|ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(error.code)
  );
}
