/** Knows who relies on what. What has a pin is not collected. */
export class Pins<Key> {
  readonly #pins = new Map<Key, Set<{ readonly why: string }>>();

  /**
   * Pins all of `keys` until the result is disposed of.
   *
   * @param why what relies on them, for people: `a pull of …`
   */
  pin(keys: Iterable<Key>, why: string): Disposable {
    const pinned = new Set(keys);
    const pin = { why };
    for (const key of pinned) this.#of(key).add(pin);
    return {
      [Symbol.dispose]: () => {
        for (const key of pinned) {
          const left = this.#of(key);
          left.delete(pin);
          if (left.size === 0) this.#pins.delete(key);
        }
        pinned.clear();
      },
    };
  }

  has(key: Key): boolean {
    return this.#pins.has(key);
  }

  /** What relies on it. */
  why(key: Key): string[] {
    return [...new Set([...(this.#pins.get(key) ?? [])].map(({ why }) => why))];
  }

  #of(key: Key): Set<{ readonly why: string }> {
    let pins = this.#pins.get(key);
    if (pins === undefined) {
      pins = new Set();
      this.#pins.set(key, pins);
    }
    return pins;
  }
}
