import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { type Frame, frameFlags, frameTypes, unpadded } from "./frames.ts";
import { HeaderDecoder, type HeaderField } from "./hpack.ts";

/** What one HEADERS frame and its CONTINUATIONs say. */
interface HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** Nothing comes after it on its stream. */
  readonly endStream: boolean;
}

const largestBlock: Bytes = 256 << 10;

/** Puts a connection's header blocks together from their frames (RFC 9113, section 4.3), and reads them. */
export class HeaderBlocks {
  readonly #decoder = new HeaderDecoder();
  #begun:
    | { readonly stream: number; readonly endStream: boolean; parts: Buffer[]; length: Bytes }
    | undefined;

  /**
   * Takes any frame of the connection, as nothing may come between those of a block.
   *
   * @returns the block whose end this is
   * @throws {Fault} corrupt for a frame out of place, and a block that is too long or can't be read
   */
  push(frame: Frame): HeaderBlock | undefined {
    const { type, stream, flags } = frame;
    if (this.#begun !== undefined && type !== frameTypes.continuation)
      throw new Fault("corrupt", "a header block was broken off");
    if (type === frameTypes.headers) {
      const endStream = (flags & frameFlags.endStream) !== 0;
      this.#begun = { stream, endStream, parts: [], length: 0 };
    } else if (type !== frameTypes.continuation) return undefined;
    const block = this.#begun;
    if (block === undefined || block.stream !== stream)
      throw new Fault("corrupt", "a header block out of place");
    const part = type === frameTypes.headers ? unpadded(frame) : frame.payload;
    block.parts.push(part);
    block.length += part.length;
    if (block.length > largestBlock) throw new Fault("corrupt", "a header block is too long");
    if ((flags & frameFlags.endHeaders) === 0) return undefined;
    this.#begun = undefined;
    // Also what nobody waits for any more: later blocks refer to it.
    return { fields: this.#decoder.decode(Buffer.concat(block.parts)), endStream: block.endStream };
  }
}
