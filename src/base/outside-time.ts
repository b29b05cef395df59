import { AsyncLocalStorage } from "node:async_hooks";
import type { Ms } from "./units.ts";

/** What a piece of work has spent so far waiting for other programs. */
interface Tally {
  outside: Ms;
}

const tallies = new AsyncLocalStorage<Tally>();

/**
 * Does a piece of work, and tells how much of its time went by while it waited for other programs: the CNI plugins, a
 * monitor, an OCI runtime. What it has waiting at the same time counts twice.
 *
 * The tally goes along with the work itself rather than through every parameter list between a step and the process
 * that it starts.
 *
 * @returns that time, in milliseconds
 */
export async function tallyOutside(work: () => Promise<void>): Promise<Ms> {
  const tally: Tally = { outside: 0 };
  await tallies.run(tally, work);
  return tally.outside;
}

/** Counts the time until `wait` ends as spent outside, for whoever tallies it. */
export async function waitOutside<T>(wait: Promise<T>): Promise<T> {
  const tally = tallies.getStore();
  if (tally === undefined) return await wait;
  const began = performance.now();
  try {
    return await wait;
  } finally {
    tally.outside += performance.now() - began;
  }
}
