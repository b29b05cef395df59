/** One thing after the other that a daemon is asked for, each by a name. */
export type Steps = readonly (readonly [name: string, act: () => Promise<unknown>])[];

/** Work that a daemon is killed in the midst of, again and again. */
export class KillInWork {
  /** True from just before a kill on: calls may fail from then on. */
  isKilled = false;
  /** What calls were unanswered at the kills, and how often. */
  readonly #cut = new Map<string, number>();

  /** Does one thing after the other, and again, until the daemon dies, and remembers in which it was. */
  async untilKilled(steps: Steps): Promise<void> {
    for (;;) {
      for (const [name, act] of steps) {
        try {
          await act();
        } catch (error) {
          if (!this.isKilled) throw error;
          this.#cut.set(name, (this.#cut.get(name) ?? 0) + 1);
          return;
        }
      }
    }
  }

  /** What was unanswered, as JSON. */
  unanswered(): string {
    return JSON.stringify(Object.fromEntries(this.#cut));
  }
}
