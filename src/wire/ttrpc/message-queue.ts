import type { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** Messages of one stream that have come and were not read yet, for one reader. */
export class MessageQueue {
  readonly #changed: (by: Bytes) => void;
  #messages: Buffer[] = [];
  #end: { readonly failure: Fault | undefined } | undefined;
  #wake = () => {};

  /** @param changed told how many bytes more, or fewer, lie here */
  constructor(changed: (by: Bytes) => void) {
    this.#changed = changed;
  }

  push(message: Buffer): void {
    if (this.#end !== undefined) return;
    this.#messages.push(message);
    this.#changed(message.length);
    this.#wake();
  }

  end(failure?: Fault): void {
    this.#end ??= { failure };
    this.#wake();
  }

  /** Nobody reads on. */
  drop(): void {
    this.end();
    for (const { length } of this.#messages) this.#changed(-length);
    this.#messages = [];
  }

  /** Each in turn, until the end. @throws {Fault} what the stream ended with */
  async *read(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const next = this.#messages.shift();
        if (next !== undefined) {
          this.#changed(-next.length);
          yield next;
        } else if (this.#end !== undefined) {
          if (this.#end.failure !== undefined) throw this.#end.failure;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.drop();
    }
  }
}
