import type { Bytes } from "../../base/units.ts";
import type { Supply } from "./inbox.ts";

/** In front of the bytes: counters of what was ever written and read, and whether the reader waits. */
const [written, read, waiting] = [0, 1, 2];
const headBytes = 64;
/** A power of two: the counters may overflow then. */
const capacity: Bytes = 1_048_576;
/** Small enough to stay in the processor's cache while it is hashed and passed on. */
const pieceMax: Bytes = 262_144;

/**
 * Memory in which one thread writes what another reads, again and again in the same place: nothing is allocated for what
 * passes, and nothing waits for a collector.
 */
export function newRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + capacity);
}

/** The writing end; there is only one. */
export class RingWriter {
  readonly #head: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(ring: SharedArrayBuffer) {
    this.#head = new Uint32Array(ring, 0, headBytes / 4);
    this.#bytes = new Uint8Array(ring, headBytes);
  }

  /** Copies as many of the bytes as there is room for. @returns how many */
  write(bytes: Uint8Array): Bytes {
    const at = Atomics.load(this.#head, written);
    const unread = (at - Atomics.load(this.#head, read)) >>> 0;
    const count = Math.min(bytes.length, capacity - unread);
    const offset = at % capacity;
    const first = Math.min(count, capacity - offset);
    this.#bytes.set(bytes.subarray(0, first), offset);
    if (first < count) this.#bytes.set(bytes.subarray(first, count), 0);
    Atomics.store(this.#head, written, at + count);
    return count;
  }

  /** True, once, when the reader has found nothing and waits to be told of more. */
  takeWaiting(): boolean {
    return Atomics.exchange(this.#head, waiting, 0) === 1;
  }
}

/** The reading end; there is only one. */
export class RingReader implements Supply {
  readonly #head: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(ring: SharedArrayBuffer) {
    this.#head = new Uint32Array(ring, 0, headBytes / 4);
    this.#bytes = new Uint8Array(ring, headBytes);
  }

  /** What comes next, up to a piece, still to be released; undefined when nothing is there. */
  peek(): Uint8Array | undefined {
    const at = Atomics.load(this.#head, read);
    const unread = (Atomics.load(this.#head, written) - at) >>> 0;
    if (unread === 0) return undefined;
    const offset = at % capacity;
    return this.#bytes.subarray(offset, offset + Math.min(unread, capacity - offset, pieceMax));
  }

  /** Gives the place of what was peeked at back to the writer. */
  release(count: Bytes): void {
    Atomics.add(this.#head, read, count);
  }

  /** To be called before the last look, ahead of waiting. */
  setWaiting(): void {
    Atomics.store(this.#head, waiting, 1);
  }
}
