import type { CgroupStats } from "./contract.ts";

interface Sample {
  readonly at: bigint;
  readonly usageNanos: bigint;
  readonly rate: bigint | undefined;
}

/**
 * Readings closer together than this give the rate of before: the kernel counts in ticks of some
 * milliseconds.
 */
const shortestNanos = 1_000_000_000n;
/**
 * A sample that nobody refreshed for this long belongs to something that is gone, or gives a rate nobody
 * wants.
 */
const longestNanos = 600_000_000_000n;

/**
 * CPU nanoseconds a second, from each reading to the next. Holds one sample for each id that was read lately.
 */
export class CpuRates<Id extends string> {
  readonly #samples = new Map<Id, Sample>();
  #pruned = 0n;

  /**
   * Undefined at the first reading, and when the group was made anew.
   *
   * @param at when it was read, on the clock of process.hrtime: the node's may be set
   */
  rate(id: Id, { cpu }: Pick<CgroupStats, "cpu">, at: bigint): bigint | undefined {
    this.#prune(at);
    if (cpu === undefined) return undefined;
    const before = this.#samples.get(id);
    const passed = before === undefined ? 0n : at - before.at;
    if (before !== undefined && passed >= 0n && passed < shortestNanos) return before.rate;
    const used = before === undefined ? -1n : cpu.usageNanos - before.usageNanos;
    const rate = used < 0n || passed <= 0n ? undefined : (used * 1_000_000_000n) / passed;
    this.#samples.set(id, { at, usageNanos: cpu.usageNanos, rate });
    return rate;
  }

  #prune(at: bigint): void {
    if (at - this.#pruned < longestNanos) return;
    this.#pruned = at;
    for (const [id, sample] of this.#samples) if (at - sample.at > longestNanos) this.#samples.delete(id);
  }
}
