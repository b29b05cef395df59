import { Fault } from "../../base/fault.ts";

/**
 * A blob's chunks as messages bring them, to be read as an iterable. The sender bounds how many wait here. Each chunk's
 * memory is given back when the next one is asked for: to wait for the garbage collector would cost much more of it.
 */
export class Inbox implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #state: "open" | "ended" | "aborted" = "open";
  #wake: (() => void) | undefined;

  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    this.#wake?.();
  }

  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#wake?.();
  }

  /** Whoever reads gets an error, now or on the next read. */
  abort(): void {
    this.#state = "aborted";
    this.#waiting.length = 0;
    this.#wake?.();
  }

  /** @throws {Fault} cancelled */
  throwIfAborted(): void {
    if (this.#state === "aborted") throw new Fault("cancelled", "unpacking a layer: cancelled");
  }

  /** @throws {Fault} cancelled from the iterator once aborted */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.throwIfAborted();
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        yield chunk;
        // Not when the reader leaves instead: it may still be in use by a call that runs beside this thread.
        if (chunk.buffer instanceof ArrayBuffer) chunk.buffer.transfer(0);
      } else if (this.#state === "ended") return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
