import type { Bytes, Ms } from "../base/units.ts";

/** What gets on by less than `rate` bytes a second, for so long, is given up. */
export interface RateRule {
  readonly rate: Bytes;
  readonly over: Ms;
}

/** The time of the rule is looked at in so many parts: what came early in it may be forgotten late. */
const parts = 4;

/** Ends what gets on too slowly. A part of the time in which it waited for its turn does not count. */
export class RateWatch implements Disposable {
  readonly #rule: RateRule;
  readonly #abort = new AbortController();
  readonly #stuckAt: () => string;
  readonly #timer: NodeJS.Timeout;
  /** What moved in each part of the time that has passed, the newest last. */
  #moved: Bytes[] = [];
  #now: Bytes = 0;
  #waiting = 0;
  #waited = false;

  /** `stuckAt` says, for the error, how far the work has come. */
  constructor(rule: RateRule, stuckAt: () => string) {
    this.#rule = rule;
    this.#stuckAt = stuckAt;
    this.#timer = setInterval(() => this.#look(), rule.over / parts);
  }

  /** Aborts, as a time-out, when too little moved. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** So many bytes came, or were worked on. */
  moved(bytes: Bytes): void {
    this.#now += bytes;
  }

  /** Nothing is expected to move until the result is disposed of. */
  waiting(): Disposable {
    this.#waiting++;
    this.#waited = true;
    return {
      [Symbol.dispose]: () => {
        this.#waiting--;
      },
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const counts = !this.#waited;
    this.#waited = this.#waiting > 0;
    if (counts) this.#moved = [...this.#moved.slice(1 - parts), this.#now];
    this.#now = 0;
    const moved = this.#moved.reduce((sum, bytes) => sum + bytes, 0);
    const seconds = this.#rule.over / 1000;
    if (this.#moved.length < parts || moved >= this.#rule.rate * seconds) return;
    clearInterval(this.#timer);
    const what =
      moved === 0
        ? `no progress for ${seconds} s`
        : `too slow: ${moved} bytes in ${seconds} s, less than ${this.#rule.rate} a second`;
    this.#abort.abort(new DOMException(`${what}: ${this.#stuckAt()}`, "TimeoutError"));
  }
}
