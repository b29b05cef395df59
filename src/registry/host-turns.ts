import { Fault } from "../base/fault.ts";
import type { BackOff } from "./back-off.ts";
import type { HostFailure } from "./failures.ts";
import { type HostHealth, isUnwell } from "./host-health.ts";
import type { HostSession } from "./host-session.ts";

/**
 * The hosts to ask, in their order, and how patiently: while there is another one, one that fails is not asked many times.
 * One that rests, having failed again and again, comes last, and only while no other has given an answer; a host that is
 * alone never rests. Those that were not asked are added to `failures`.
 *
 * @param failures of the hosts asked so far, which the caller adds to as it goes
 */
export function* hostTurns(
  sessions: readonly HostSession[],
  { health, backOff }: { readonly health: HostHealth; readonly backOff: BackOff },
  failures: HostFailure[],
): Generator<readonly [HostSession, BackOff], void, undefined> {
  const hasty = { ...backOff, tries: Math.min(2, backOff.tries), longestAsked: backOff.longest };
  const patience = (session: HostSession) => (session === sessions.at(-1) ? backOff : hasty);
  const resting: { readonly session: HostSession; readonly why: string }[] = [];
  for (const session of sessions) {
    const why = sessions.length === 1 ? undefined : health.passOver(session.host.base);
    if (why === undefined) yield [session, patience(session)];
    else resting.push({ session, why });
  }
  for (const { session, why } of resting) {
    if (failures.every(({ error }) => isUnwell(error))) yield [session, patience(session)];
    else failures.push({ session, error: new Fault("unavailable", `not asked: ${why}`), isSkipped: true });
  }
}
