import type { StepTime } from "../base/steps.ts";

/** How long each phase of a pull took, for the log. */
export class PhaseTimes {
  readonly #times: StepTime[] = [];
  #began = performance.now();
  #phase: string | undefined;

  /** A phase begins, unless it is the one that is on. */
  enter(phase: string): void {
    if (phase === this.#phase) return;
    this.end();
    this.#phase = phase;
  }

  /** All phases so far, the last one ended now. */
  end(): readonly StepTime[] {
    const now = performance.now();
    if (this.#phase !== undefined) this.#times.push({ step: this.#phase, ms: now - this.#began });
    this.#phase = undefined;
    this.#began = now;
    return this.#times;
  }
}
