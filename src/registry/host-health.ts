import { describeFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { Refused } from "./answer.ts";
import { ConnectionLost } from "./transport.ts";

/** When a host is let alone, and for how long. */
export interface HealthLimits {
  /** Failures in a row. */
  readonly failures: number;
  /** After the first time; doubled each time that the one that tries it then fails. */
  readonly coolDown: Ms;
  readonly longest: Ms;
}

const usualHealthLimits: HealthLimits = { failures: 3, coolDown: 30_000, longest: 480_000 };

/** How a host has done so far. */
export interface HostState {
  /** The API's base. */
  readonly base: string;
  readonly asked: number;
  readonly failed: number;
  /** The latest failures without anything else in between. */
  readonly inARow: number;
  /** What the latest failure was; undefined: there was none since it last answered. */
  readonly problem: string | undefined;
  /** How long it is still let alone; undefined: it is asked in its turn. */
  readonly restsFor: Ms | undefined;
}

interface Record {
  asked: number;
  failed: number;
  inARow: number;
  problem: string | undefined;
  /** How often it was let alone without having answered in between. */
  rests: number;
  restsUntil: number;
  /** Somebody is trying it out after a rest. */
  onTrial: boolean;
}

const keptMax = 256;

/**
 * Which hosts answer. One that fails several times in a row rests: it is asked last, and only if no other gave an answer.
 * After its rest one request tries it; the others pass it over until that has come back.
 */
export class HostHealth {
  readonly #limits: HealthLimits;
  readonly #hosts = new Map<string, Record>();

  constructor(limits: HealthLimits = usualHealthLimits) {
    this.#limits = limits;
  }

  /** Why the host at `base` is not to be asked in its turn; undefined: it is. Whoever is told so has to ask it then. */
  passOver(base: string): string | undefined {
    const host = this.#hosts.get(base);
    if (host === undefined || host.restsUntil === 0) return undefined;
    const left = host.restsUntil - performance.now();
    if (left <= 0 && !host.onTrial) {
      host.onTrial = true;
      return undefined;
    }
    const again = left <= 0 ? "it is being tried again" : `it is tried again in ${Math.ceil(left / 1000)} s`;
    return `it failed ${host.inARow} times in a row, ${again}; at last: ${host.problem}`;
  }

  /** Runs what asks the host, and notes how that went. */
  async watch<T>(base: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    try {
      const got = await ask();
      this.answered(base);
      return got;
    } catch (error) {
      this.failed(base, error, signal);
      throw error;
    }
  }

  answered(base: string): void {
    Object.assign(this.#of(base), { inARow: 0, problem: undefined, rests: 0, restsUntil: 0, onTrial: false });
    this.#of(base).asked++;
  }

  /** An answer that says no is one all the same; what `signal` has ended says nothing of the host. */
  failed(base: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted || !isUnwell(error)) {
      if (error instanceof Refused) this.answered(base);
      else this.left(base);
      return;
    }
    const host = this.#of(base);
    host.asked++;
    host.failed++;
    host.inARow++;
    host.problem = describeFault(error);
    host.onTrial = false;
    const now = performance.now();
    if (host.inARow < this.#limits.failures || host.restsUntil > now) return;
    host.restsUntil = now + Math.min(this.#limits.longest, this.#limits.coolDown * 2 ** host.rests);
    host.rests++;
  }

  /** Who asked has left before the end: others may try the host. */
  left(base: string): void {
    const host = this.#hosts.get(base);
    if (host !== undefined) host.onTrial = false;
  }

  states(): HostState[] {
    const now = performance.now();
    return [...this.#hosts].map(([base, { asked, failed, inARow, problem, restsUntil }]) => {
      const restsFor = restsUntil > now ? restsUntil - now : undefined;
      return { base, asked, failed, inARow, problem, restsFor };
    });
  }

  #of(base: string): Record {
    const known = this.#hosts.get(base);
    if (known !== undefined) return known;
    if (this.#hosts.size >= keptMax) this.#hosts.delete(this.#hosts.keys().next().value ?? "");
    const made = {
      asked: 0,
      failed: 0,
      inARow: 0,
      problem: undefined,
      rests: 0,
      restsUntil: 0,
      onTrial: false,
    };
    this.#hosts.set(base, made);
    return made;
  }
}

/** True for what is wrong with the host, not with what it was asked: no connection, no TLS, silence, its own errors. */
export function isUnwell(error: unknown): boolean {
  return error instanceof ConnectionLost || (error instanceof Refused && error.status >= 500);
}
