import { setImmediate as nextTurn } from "node:timers/promises";
import { deadlineIn, waitFor } from "../base/deadline.ts";
import type { Bytes, Ms, UnixNanos } from "../base/units.ts";
import { nowNanos } from "../base/units.ts";

/** What something takes on disk, and when that was counted. */
export interface CountedUsage {
  readonly at: UnixNanos;
  readonly bytes: Bytes;
  readonly inodes: number;
}

interface Entry {
  counted: CountedUsage | undefined;
  /** On the clock of performance.now(). */
  dueAt: Ms;
  /** How long the next count may wait. */
  pauseMs: Ms;
  askedAt: Ms;
  queued: boolean;
}

/** What was counted twice with the same result is counted less often, down to once in so many intervals. */
const longestPause = 6;
/** Of the time, at most a twentieth goes into counting one thing again. */
const pauseForEachMs = 20;
/** Intervals without a question after which a thing is forgotten. */
const forgottenAfter = 10;

/**
 * Usage that is slow to count, such as a directory tree. An answer is what was counted last, at once; asking
 * for what is older than the interval has it counted again in the background, one thing at a time. What
 * nobody asks for is not counted; what stays the same is counted less often.
 */
export class UsageCache<Key extends string> {
  readonly #entries = new Map<Key, Entry>();
  readonly #queue: Key[] = [];
  readonly #count: (key: Key) => Promise<{ readonly bytes: Bytes; readonly inodes: number }>;
  readonly #intervalMs: Ms;
  #counting: Promise<void> | undefined;

  /** @param count may fail: the thing is then gone, or is tried again after the interval */
  constructor(
    count: (key: Key) => Promise<{ readonly bytes: Bytes; readonly inodes: number }>,
    intervalMs: Ms,
  ) {
    this.#count = count;
    this.#intervalMs = intervalMs;
  }

  /** Undefined before it was counted for the first time. */
  get(key: Key): CountedUsage | undefined {
    const now = performance.now();
    const entry = this.#entries.get(key) ?? {
      counted: undefined,
      dueAt: now,
      pauseMs: this.#intervalMs,
      askedAt: now,
      queued: false,
    };
    this.#entries.set(key, entry);
    entry.askedAt = now;
    if (now >= entry.dueAt && !entry.queued) {
      entry.queued = true;
      this.#queue.push(key);
      this.#counting ??= this.#work();
    }
    return entry.counted;
  }

  /** For those to whom no figure is an error: waits until each was counted once, or, where that takes long, `waitMs`. */
  async countedOnce(keys: readonly Key[], waitMs: Ms): Promise<void> {
    const missing = keys.filter((key) => this.get(key) === undefined);
    if (missing.length === 0) return;
    using deadline = deadlineIn(waitMs);
    await waitFor(this.#counting ?? Promise.resolve(), deadline.signal, "counting usage").catch(
      () => undefined, // the background counts on
    );
  }

  forget(key: Key): void {
    this.#entries.delete(key);
  }

  async #work(): Promise<void> {
    for (let key = this.#queue.shift(); key !== undefined; key = this.#queue.shift()) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) await this.#countOne(key, entry);
      await nextTurn();
    }
    this.#counting = undefined;
    const oldest = performance.now() - this.#intervalMs * forgottenAfter;
    for (const [key, { askedAt }] of this.#entries) if (askedAt < oldest) this.#entries.delete(key);
  }

  async #countOne(key: Key, entry: Entry): Promise<void> {
    const began = performance.now();
    try {
      const { bytes, inodes } = await this.#count(key);
      const same = entry.counted?.bytes === bytes && entry.counted.inodes === inodes;
      entry.pauseMs = same ? Math.min(entry.pauseMs * 2, this.#intervalMs * longestPause) : this.#intervalMs;
      entry.counted = { at: nowNanos(), bytes, inodes };
    } catch {
      // What was counted last stands until it is forgotten.
    }
    const ended = performance.now();
    entry.dueAt = ended + Math.max(entry.pauseMs, (ended - began) * pauseForEachMs);
    entry.queued = false;
  }
}
