import type { ContainerId } from "../base/ids.ts";

/** A stop that is under way: later callers join it, and may only make it kill sooner. */
interface StopInFlight {
  readonly result: Promise<void>;
  /** Brings the moment of the KILL forward to `time` (of performance.now()), if it is sooner. */
  killBy(time: number): void;
}

/** Stops by the id of the container. */
export type StopsInFlight = Map<ContainerId, StopInFlight>;
