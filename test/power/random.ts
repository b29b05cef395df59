/** Random numbers that a seed gives again: mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** In another order. */
  shuffled<T>(values: readonly T[]): T[] {
    const left = [...values];
    for (let index = left.length - 1; index > 0; index--) {
      const other = this.below(index + 1);
      [left[index], left[other]] = [left[other] as T, left[index] as T];
    }
    return left;
  }
}
