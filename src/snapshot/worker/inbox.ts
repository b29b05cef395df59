import { Fault } from "../../base/fault.ts";
import { RingReader } from "./ring.ts";

/**
 * A blob as it comes through a ring, to be read as an iterable. Each chunk is valid until the next one is asked for.
 */
export class Inbox implements AsyncIterable<Uint8Array> {
  readonly #ring: RingReader | undefined;
  #state: "open" | "ended" | "aborted" = "open";
  #wake: (() => void) | undefined;

  /** Without a ring it only tells whether it was aborted. */
  constructor(ring: SharedArrayBuffer | undefined) {
    this.#ring = ring === undefined ? undefined : new RingReader(ring);
  }

  /** There is more in the ring. */
  more(): void {
    this.#wake?.();
  }

  /** What is in the ring by now is all. */
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
    const ring = this.#ring;
    while (ring !== undefined) {
      this.throwIfAborted();
      const chunk = ring.peek();
      if (chunk !== undefined) {
        yield chunk;
        ring.release(chunk.length);
      } else if (this.#state === "ended") return;
      else await this.#wait(ring);
    }
  }

  async #wait(ring: RingReader): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    ring.setWaiting();
    // It may have come between the look and the word that it is waited for.
    if (ring.peek() === undefined) await woken;
  }
}
