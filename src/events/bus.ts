/** Takes events in order and hands each to every reader that was there when it came. */
export class EventBus<Event> {
  readonly #readers = new Set<(event: Event) => void>();

  publish(event: Event): void {
    for (const reader of this.#readers) reader(event);
  }

  /** Calls `reader` for each event from now on, in order, until the result is disposed of. A reader must not throw. */
  subscribe(reader: (event: Event) => void): Disposable {
    this.#readers.add(reader);
    return { [Symbol.dispose]: () => void this.#readers.delete(reader) };
  }
}
