import { setImmediate as nextTurn } from "node:timers/promises";
import { throwIfEnded } from "./deadline.ts";
import type { Ms } from "./units.ts";

/** How long the main thread works on one thing before it lets others have a turn. */
const turnMs: Ms = 3;

/**
 * Works on each item in order, in short turns of the main thread.
 *
 * @throws {Fault} deadline or cancelled
 */
export async function eachInTurn<T>(
  items: Iterable<T>,
  signal: AbortSignal,
  work: (item: T) => void,
): Promise<void> {
  let began = performance.now();
  for (const item of items) {
    throwIfEnded(signal, "reading figures");
    work(item);
    if (performance.now() - began < turnMs) continue;
    await nextTurn();
    began = performance.now();
  }
}
