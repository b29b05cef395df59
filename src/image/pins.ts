/** Counts who relies on what. What has a pin is not collected. */
export class Pins<Key> {
  readonly #counts = new Map<Key, number>();

  /** Pins all of `keys` until the result is disposed of. */
  pin(keys: Iterable<Key>): Disposable {
    const pinned = [...keys];
    for (const key of pinned) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const key of pinned.splice(0)) {
          const left = (this.#counts.get(key) ?? 1) - 1;
          if (left === 0) this.#counts.delete(key);
          else this.#counts.set(key, left);
        }
      },
    };
  }

  has(key: Key): boolean {
    return this.#counts.has(key);
  }
}
