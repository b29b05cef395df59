import { randomBytes } from "node:crypto";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { StreamedCall } from "./contract.ts";

/** A kubelet connects at once; a person's client within its round trips. */
const goodForMs: Ms = 60_000;

interface Ticket {
  readonly call: StreamedCall;
  /** On the clock of performance.now(). */
  readonly until: number;
}

/** Calls that wait for their connection, each under a name that can't be guessed and is good once. */
export class Tickets {
  readonly #tickets = new Map<string, Ticket>();
  readonly #most: number;

  /** @param most those that may wait at a time */
  constructor(most: number) {
    this.#most = most;
  }

  /** @throws {Fault} exhausted */
  issue(call: StreamedCall): string {
    const now = performance.now();
    for (const [name, { until }] of this.#tickets) {
      if (until > now) break; // the oldest come first
      this.#tickets.delete(name);
    }
    if (this.#tickets.size >= this.#most) {
      throw new Fault("exhausted", `${this.#most} streams were asked for that nobody has connected to`, {
        hint: "their URLs expire within a minute; streaming.maxPending is how many may wait",
      });
    }
    const name = randomBytes(24).toString("base64url");
    this.#tickets.set(name, { call, until: now + goodForMs });
    return name;
  }

  /** Undefined: never given out, used, or too old. */
  redeem(name: string): StreamedCall | undefined {
    const ticket = this.#tickets.get(name);
    this.#tickets.delete(name);
    return ticket !== undefined && ticket.until > performance.now() ? ticket.call : undefined;
  }
}
