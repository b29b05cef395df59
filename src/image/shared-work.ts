import { throwIfEnded, waitFor } from "../base/deadline.ts";
import { EventBus } from "../events/bus.ts";

interface Flight<Value, Event> {
  readonly result: Promise<Value>;
  readonly abort: AbortController;
  readonly events: EventBus<Event>;
  waiters: number;
}

/** Starts the work of one flight: `report` reaches everyone who waits for it. */
export type Begin<Value, Event> = (report: (event: Event) => void, signal: AbortSignal) => Promise<Value>;

/**
 * Work that runs once for each key, however many wait for it. A caller's signal ends its own wait; when the
 * last waiter leaves, the work is told to end, and whoever comes then starts anew.
 */
export class SharedWork<Key, Value, Event> {
  readonly #doing: string;
  readonly #flights = new Map<Key, Flight<Value, Event>>();

  /** `doing` names the work in errors. */
  constructor(doing: string) {
    this.#doing = doing;
  }

  /** True while work for `key` is in flight. */
  has(key: Key): boolean {
    return this.#flights.has(key);
  }

  /** The work in flight for `key`, without waiting for it as far as its life goes. */
  peek(key: Key): Promise<Value> | undefined {
    return this.#flights.get(key)?.result;
  }

  /**
   * Joins the work for `key`, begun if there is none.
   *
   * @throws {Fault} cancelled or deadline, as `signal` says; what the work throws
   */
  async join(
    key: Key,
    begin: Begin<Value, Event>,
    listener: (event: Event) => void,
    signal: AbortSignal,
  ): Promise<Value> {
    throwIfEnded(signal, this.#doing);
    const flight = this.#flights.get(key) ?? this.#start(key, begin);
    flight.waiters++;
    using _listening = flight.events.subscribe(listener);
    try {
      return await waitFor(flight.result, signal, this.#doing);
    } finally {
      flight.waiters--;
      if (flight.waiters === 0 && signal.aborted) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort(signal.reason);
        // So that whoever gives up knows that nothing is left.
        await flight.result.catch(() => undefined);
      }
    }
  }

  /** Resolves when no work is in flight any more, however it ended. */
  async idle(): Promise<void> {
    while (this.#flights.size > 0) {
      await Promise.allSettled([...this.#flights.values()].map((flight) => flight.result));
    }
  }

  #start(key: Key, begin: Begin<Value, Event>): Flight<Value, Event> {
    const abort = new AbortController();
    const events = new EventBus<Event>();
    const result = begin((event) => events.publish(event), abort.signal).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight<Value, Event> = { result, abort, events, waiters: 0 };
    result.catch(() => undefined);
    this.#flights.set(key, flight);
    return flight;
  }
}
