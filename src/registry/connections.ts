import { Slots } from "../base/slots.ts";
import type { HostSession } from "./host-session.ts";

/** How many connections a host has to bear for blobs, from all pulls together. */
export class HostConnections {
  readonly #most: number;
  readonly #slots = new Map<string, Slots>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes one until the result is disposed of. @throws {Fault} cancelled or deadline, as `signal` says */
  take({ name }: HostSession, signal: AbortSignal): Promise<Disposable> {
    return this.#slotsOf(name).take(signal);
  }

  /** True if `take` would not wait. */
  hasRoom({ name }: HostSession): boolean {
    return this.#slotsOf(name).free > 0;
  }

  #slotsOf(name: string): Slots {
    const known = this.#slots.get(name) ?? new Slots(this.#most);
    this.#slots.set(name, known);
    return known;
  }
}
