import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { BackOff } from "./back-off.ts";
import type { HostFailure } from "./failures.ts";
import type { HostHealth } from "./host-health.ts";
import type { HostSession } from "./host-session.ts";
import { hostTurns } from "./host-turns.ts";

/** A host to ask, and how patiently. */
export type HostToAsk = readonly [HostSession, BackOff];

/** Of one repository: hosts that gave bytes of a blob, and those whose bytes were wrong. */
export class BlobTrust {
  readonly #gave = new Map<Digest, Set<HostSession>>();
  readonly #wrong = new Map<Digest, Set<HostSession>>();

  /** Notes anew who gives of the blob. */
  begin(digest: Digest): void {
    this.#gave.set(digest, new Set());
  }

  gave(digest: Digest, session: HostSession): void {
    this.#gave.get(digest)?.add(session);
  }

  isWrong(digest: Digest, session: HostSession): boolean {
    return this.#wrong.get(digest)?.has(session) === true;
  }

  /** Whoever gave of the blob is not to be asked for it again. @returns true if somebody had given anything */
  distrust(digest: Digest): boolean {
    const gave = this.#gave.get(digest) ?? new Set();
    this.#wrong.set(digest, (this.#wrong.get(digest) ?? new Set()).union(gave));
    this.#gave.delete(digest);
    return gave.size > 0;
  }
}

/** The hosts that one blob may come from: the first one until it fails, then the next one. */
export class BlobHosts {
  readonly failures: HostFailure[] = [];
  readonly #digest: Digest;
  readonly #turns: Generator<HostToAsk, void, undefined>;
  readonly #health: HostHealth;
  readonly #trust: BlobTrust;
  #current: HostToAsk | undefined;

  constructor(
    digest: Digest,
    sessions: readonly HostSession[],
    settings: { readonly health: HostHealth; readonly backOff: BackOff },
    trust: BlobTrust,
  ) {
    this.#digest = digest;
    this.#health = settings.health;
    this.#trust = trust;
    trust.begin(digest);
    const isWrong = (session: HostSession) => trust.isWrong(digest, session);
    for (const session of sessions.filter(isWrong)) {
      const error = new Fault("corrupt", `what came of ${digest} was not what the digest says`);
      this.failures.push({ session, error });
    }
    const asked = sessions.filter((session) => !isWrong(session));
    this.#turns = hostTurns(asked, settings, this.failures);
    this.#next();
  }

  /** Whom to ask now; undefined when all have failed. */
  get current(): HostToAsk | undefined {
    return this.#current;
  }

  /** The host has given bytes of the blob. */
  gave(session: HostSession): void {
    this.#trust.gave(this.#digest, session);
  }

  /** It has given all that it was asked for. */
  answered({ host }: HostSession): void {
    this.#health.answered(host.base);
  }

  /** It is not asked any more. Of several connections to it the first one's word counts. */
  failed(session: HostSession, error: unknown, signal: AbortSignal): void {
    if (this.#current?.[0] !== session) return;
    this.#health.failed(session.host.base, error, signal);
    this.failures.push({ session, error });
    this.#next();
  }

  /** Whoever asked it has left, with or without what it asked for. */
  left({ host }: HostSession): void {
    this.#health.left(host.base);
  }

  #next(): void {
    const { value } = this.#turns.next();
    this.#current = value ?? undefined;
  }
}
