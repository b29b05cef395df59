import type { Ms } from "../base/units.ts";

/** Ends what makes no progress for a set time, however slow it may otherwise be. */
export class ProgressWatch implements Disposable {
  readonly #limit: Ms;
  readonly #abort = new AbortController();
  readonly #stuckAt: () => string;
  readonly #timer: NodeJS.Timeout;

  /** `stuckAt` says, for the error, how far the work has come. */
  constructor(limit: Ms, stuckAt: () => string) {
    this.#limit = limit;
    this.#stuckAt = stuckAt;
    this.#timer = setTimeout(() => this.#stop(), limit);
  }

  /** Aborts, as a time-out, when nothing moved for the set time. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something moved. */
  moved(): void {
    if (!this.#abort.signal.aborted) this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #stop(): void {
    const seconds = this.#limit / 1000;
    this.#abort.abort(new DOMException(`no progress for ${seconds} s: ${this.#stuckAt()}`, "TimeoutError"));
  }
}
