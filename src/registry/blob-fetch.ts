import { throwIfEnded } from "../base/deadline.ts";
import { freeBytes } from "../base/memory.ts";
import type { Bytes, Ms } from "../base/units.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import type { BlobHosts, HostToAsk } from "./blob-hosts.ts";
import { blobFrom, type Patience, type Stretch } from "./blob-stream.ts";
import type { HostConnections } from "./connections.ts";
import type { HostSession } from "./host-session.ts";

/** Asked for at once: a connection that breaks, or a host that answers slowly, costs little of the whole. */
const stretchBytes: Bytes = 16_777_216;
/** How often it is looked whether another connection would help. */
const lookEvery: Ms = 250;
/** By so much the last connection must have made the whole faster, for one more to be tried. */
const worthwhile = 1.15;

/** A stretch that is being brought. It may be widened to the blob's end. */
export interface Claim extends Stretch {
  to: Bytes;
}

/** Where a blob's bytes go, in any order; it knows which are still wanted. */
export interface BlobTarget {
  /** The first stretch of at most so many bytes that is wanted and that nobody brings; undefined when there is none. */
  claim(atMost: Bytes): Claim | undefined;
  /** Widens a claim to the blob's end. Nobody else is to bring any of it. */
  claimRest(claim: Claim): void;
  /** Gives back what of a claim has not come. */
  release(claim: Claim): void;
  /** Bytes of a claim, in their order. */
  write(at: Bytes, chunks: readonly Uint8Array[]): Promise<void>;
  /** True if whoever reads the blob, from its beginning on, could read faster than it comes. */
  readonly hungry: boolean;
}

/** Follows how a blob comes. */
export interface FetchWatch {
  moved(bytes: Bytes): void;
  /** The fetch waits for its turn at a host, until the result is disposed of. */
  waiting(): Disposable;
}

/** What a fetch works with. */
export interface FetchParts {
  readonly hosts: BlobHosts;
  readonly connections: HostConnections;
  readonly stall: Ms;
  /** At most so many connections bring one blob. */
  readonly mostLanes: number;
}

/**
 * Brings a blob over as many connections as make it come faster: one at first, one more while the reader is hungry and
 * the last one helped. A host that gives no ranges has one.
 */
export class BlobFetch {
  readonly #blob: Descriptor;
  readonly #target: BlobTarget;
  readonly #parts: FetchParts;
  readonly #watch: FetchWatch;
  /** Undefined until the first answer tells. */
  #givesRanges: boolean | undefined;
  #came: Bytes = 0;

  constructor(blob: Descriptor, target: BlobTarget, parts: FetchParts, watch: FetchWatch) {
    this.#blob = blob;
    this.#target = target;
    this.#parts = parts;
    this.#watch = watch;
  }

  /** @throws what ends a lane: the signal's word, the target's error; {NoHostLeft} */
  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const until = AbortSignal.any([signal, failed.signal]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let lanes = 0;
    let first: { error: unknown } | undefined;
    const open = async () => {
      lanes++;
      try {
        await this.#lane(until);
      } catch (error) {
        first ??= { error };
        failed.abort();
      }
      lanes--;
      if (lanes === 0 && first === undefined) resolve();
      else if (lanes === 0) reject(first?.error);
    };
    void open();
    const helps = this.#rateWatch();
    const look = setInterval(() => {
      if (this.#mayGrow(lanes) && helps()) void open();
    }, lookEvery);
    try {
      await promise;
    } finally {
      clearInterval(look);
    }
  }

  #mayGrow(lanes: number): boolean {
    const host = this.#parts.hosts.current?.[0];
    if (host === undefined || this.#givesRanges !== true || lanes >= this.#parts.mostLanes) return false;
    return this.#target.hungry && this.#parts.connections.hasRoom(host);
  }

  /** Asked whether one more connection is worth trying: the last one must have helped. */
  #rateWatch(): () => boolean {
    let [last, lastAt] = [0, performance.now()];
    let best = 0;
    return () => {
      const now = performance.now();
      const rate = (this.#came - last) / (now - lastAt);
      [last, lastAt] = [this.#came, now];
      if (rate < best * worthwhile) return false;
      best = rate;
      return true;
    };
  }

  /** One connection's work: stretch after stretch, until none is wanted any more. */
  async #lane(signal: AbortSignal): Promise<void> {
    for (;;) {
      const claim = this.#target.claim(stretchBytes);
      if (claim === undefined) return;
      try {
        await this.#bring(claim, signal);
      } finally {
        this.#target.release(claim);
      }
    }
  }

  async #bring(claim: Claim, signal: AbortSignal): Promise<void> {
    const at = { from: claim.from };
    while (at.from < claim.to) {
      const host = this.#parts.hosts.current;
      if (host === undefined) throw new NoHostLeft();
      try {
        await this.#bringFrom(host, claim, at, signal);
      } catch (error) {
        throwIfEnded(signal, `fetching ${this.#blob.digest}`);
        if (error instanceof TargetFailed) throw error.cause;
        this.#parts.hosts.failed(host[0], error, signal);
      } finally {
        this.#parts.hosts.left(host[0]);
      }
    }
  }

  async #bringFrom(
    [session, backOff]: HostToAsk,
    claim: Claim,
    at: { from: Bytes },
    signal: AbortSignal,
  ): Promise<void> {
    const { connections, stall, hosts } = this.#parts;
    using _turn = await this.#turn(connections, session, signal);
    const patience: Patience = { stall, backOff };
    const rest: Claim = { from: at.from, to: claim.to };
    const whole = () => {
      this.#givesRanges = false;
      this.#target.claimRest(claim);
      rest.to = claim.to;
    };
    for await (const batch of blobFrom(session, this.#blob, rest, patience, whole, signal)) {
      this.#givesRanges ??= true;
      hosts.gave(session);
      const size = batch.reduce((sum, chunk) => sum + chunk.length, 0);
      this.#came += size;
      this.#watch.moved(size);
      await this.#target.write(at.from, batch).catch((error: unknown) => {
        throw new TargetFailed(error);
      });
      for (const chunk of batch) freeBytes(chunk);
      at.from += size;
    }
    hosts.answered(session);
  }

  async #turn(connections: HostConnections, session: HostSession, signal: AbortSignal): Promise<Disposable> {
    if (connections.hasRoom(session)) return connections.take(session, signal);
    using _waiting = this.#watch.waiting();
    return await connections.take(session, signal);
  }
}

/** Every host that could be asked for the blob has failed. */
export class NoHostLeft extends Error {}

/** The target's error, told apart from a host's. */
class TargetFailed extends Error {
  constructor(cause: unknown) {
    super("the target failed", { cause });
  }
}
