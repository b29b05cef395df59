import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** A flag for compression and the length. */
const prefixLength: Bytes = 5;

/** A message as gRPC sends it. */
export function prefixed(message: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(prefixLength + message.length);
  whole[0] = 0;
  whole.writeUInt32BE(message.length, 1);
  whole.set(message, prefixLength);
  return whole;
}

/** Cuts the data of a response into its messages. */
export class MessageReader {
  readonly #maxMessage: Bytes;
  #chunks: Buffer[] = [];
  #length: Bytes = 0;
  /** What must be here before the next message, or its prefix, can be read. */
  #needed: Bytes = prefixLength;

  constructor(maxMessage: Bytes) {
    this.#maxMessage = maxMessage;
  }

  /** The messages that are whole with these bytes. @throws {Fault} exhausted for one that is too large; internal */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    while (this.#length >= this.#needed) {
      const whole = this.#joined();
      const length = this.#messageLength(whole);
      this.#needed = prefixLength + length;
      if (whole.length < this.#needed) break;
      messages.push(whole.subarray(prefixLength, this.#needed));
      this.#chunks = [whole.subarray(this.#needed)];
      this.#length -= this.#needed;
      this.#needed = prefixLength;
    }
    return messages;
  }

  /** What is wrong when the response ends here. */
  missing(): Fault | undefined {
    return this.#length === 0 ? undefined : new Fault("internal", "the answer was cut short");
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole;
  }

  #messageLength(whole: Buffer): Bytes {
    if (whole[0] !== 0) throw new Fault("internal", "the answer is compressed, which was not asked for");
    const length = whole.readUInt32BE(1);
    if (length <= this.#maxMessage) return length;
    throw new Fault("exhausted", `the answer has ${length} bytes, more than the ${this.#maxMessage} allowed`);
  }
}
