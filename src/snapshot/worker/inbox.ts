import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** Where the bytes come from, which another thread puts there. */
export interface Supply {
  /** What comes next, still to be released; undefined when nothing is there. */
  peek(): Uint8Array | undefined;
  release(count: Bytes): void;
  /** To be called before the last look, ahead of waiting. */
  setWaiting(): void;
}

/**
 * A blob as it comes, to be read as an iterable. Each chunk is valid until the next one is asked for.
 */
export class Inbox implements AsyncIterable<Uint8Array> {
  readonly #supply: Supply | undefined;
  #state: "open" | "ended" | "aborted" = "open";
  #wake: (() => void) | undefined;

  /** Without a supply it only tells whether it was aborted. */
  constructor(supply: Supply | undefined) {
    this.#supply = supply;
  }

  /** There is more. */
  more(): void {
    this.#wake?.();
  }

  /** What is there by now is all. */
  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#wake?.();
  }

  /** Whoever reads gets an error, now or on the next read. */
  abort(): void {
    this.#state = "aborted";
    this.#wake?.();
  }

  /** @throws {Fault} cancelled */
  throwIfAborted(): void {
    if (this.#state === "aborted") throw new Fault("cancelled", "unpacking a layer: cancelled");
  }

  /** @throws {Fault} cancelled from the iterator once aborted */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const supply = this.#supply;
    while (supply !== undefined) {
      this.throwIfAborted();
      // Before the look: what was there when the end was said is all.
      const ended = this.#state === "ended";
      const chunk = supply.peek();
      if (chunk !== undefined) {
        yield chunk;
        supply.release(chunk.length);
      } else if (ended) return;
      else await this.#wait(supply);
    }
  }

  async #wait(supply: Supply): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    supply.setWaiting();
    // It may have come between the look and the word that it is waited for.
    if (supply.peek() === undefined && this.#state === "open") await woken;
  }
}
