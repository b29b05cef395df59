import { Fault } from "../../base/fault.ts";
import { blockSize } from "./header.ts";

/** What a reading step gives: it pauses at each `yield` until more bytes have come or the input has ended. */
export type Reading<Result> = Generator<void, Result>;

/**
 * The bytes of an archive as they come in, and the ways to ask for some. Pieces are views into the chunks that were
 * pushed wherever possible: nothing is copied but what lies across two chunks.
 */
export class Feed {
  readonly #across = new Uint8Array(blockSize);
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #ended = false;
  #putBack: Uint8Array | undefined;

  /** Only once all of the last chunk was asked for. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  end(): void {
    this.#ended = true;
  }

  /** Up to `most` bytes, at least one, or undefined at the end of the input. */
  *some(most: number): Reading<Uint8Array | undefined> {
    while (this.#at === this.#chunk.length) {
      if (this.#ended) return undefined;
      yield;
    }
    const piece = this.#chunk.subarray(this.#at, this.#at + most);
    this.#at += piece.length;
    return piece;
  }

  /**
   * The next block, valid until the next call, or undefined when the input ends exactly here.
   *
   * @throws {Fault} corrupt when it ends within the block
   */
  *block(): Reading<Uint8Array | undefined> {
    const putBack = this.#putBack;
    this.#putBack = undefined;
    if (putBack !== undefined) return putBack;
    if (this.#chunk.length - this.#at >= blockSize) {
      this.#at += blockSize;
      return this.#chunk.subarray(this.#at - blockSize, this.#at);
    }
    for (let have = 0; have < blockSize; ) {
      const piece = yield* this.some(blockSize - have);
      if (piece === undefined && have === 0) return undefined;
      if (piece === undefined) throw cutShort("within a block");
      this.#across.set(piece, have);
      have += piece.length;
    }
    return this.#across;
  }

  /** Makes the block that was just read the next one again. */
  putBack(block: Uint8Array): void {
    this.#putBack = block.slice();
  }

  /** Hands `length` bytes to `take`, piece by piece. @throws {Fault} corrupt when there are less; `what` names them */
  *pass(length: number, what: string, take: (piece: Uint8Array, done: number) => void): Reading<void> {
    let done = 0;
    const putBack = this.#putBack;
    if (putBack !== undefined && length > 0) {
      this.#putBack = undefined;
      done = Math.min(length, blockSize);
      take(putBack.subarray(0, done), 0);
      if (done < blockSize) throw cutShort(`in ${what}`);
    }
    while (done < length) {
      const piece = yield* this.some(length - done);
      if (piece === undefined) throw cutShort(`in ${what}`);
      take(piece, done);
      done += piece.length;
    }
  }

  /** A copy of the next `length` bytes and the skip to the end of their last block. */
  *copy(length: number, what: string): Reading<Uint8Array> {
    const whole = new Uint8Array(length);
    yield* this.pass(length, what, (piece, done) => whole.set(piece, done));
    yield* this.padding(length, what);
    return whole;
  }

  /** Skips what fills the last block of `length` bytes. */
  *padding(length: number, what: string): Reading<void> {
    yield* this.pass((blockSize - (length % blockSize)) % blockSize, what, () => undefined);
  }
}

export function cutShort(where: string): Fault {
  return new Fault("corrupt", `the tar is cut short ${where}`);
}
