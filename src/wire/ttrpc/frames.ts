import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** What a frame is (ttrpc's protocol specification, message types). */
export const frameTypes = { request: 1, response: 2, data: 3 } as const;

/** On a request: the caller sends no more (`remoteClosed`), or goes on to (`remoteOpen`). On data: the last of it; none in it. */
export const frameFlags = { remoteClosed: 1, remoteOpen: 2, noData: 4 } as const;

/** The most that a frame may hold. */
export const maxFrameData: Bytes = 4 << 20;

const headerLength: Bytes = 10;
const empty = Buffer.alloc(0);

export interface Frame {
  /** Odd: the client began the call. */
  readonly stream: number;
  readonly type: number;
  readonly flags: number;
  /** Undefined: it was longer than `maxFrameData`, and was passed over. */
  readonly data: Buffer | undefined;
}

interface Header extends Omit<Frame, "data"> {
  readonly length: Bytes;
}

/** Header: length (4 bytes), stream (4), type, flags, big-endian. @throws {Fault} exhausted when it holds too much */
export function encodeFrame({ stream, type, flags, data = empty }: Frame): Buffer {
  if (data.length > maxFrameData) {
    throw new Fault(
      "exhausted",
      `a message of ${data.length} bytes is more than the ${maxFrameData} of ttrpc`,
    );
  }
  const frame = Buffer.allocUnsafe(headerLength + data.length);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(stream, 4);
  frame[8] = type;
  frame[9] = flags;
  data.copy(frame, headerLength);
  return frame;
}

/** Cuts what comes into frames. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #held: Bytes = 0;
  #header: Header | undefined;
  /** Of a frame that is too long: what is still to come. */
  #toSkip: Bytes = 0;

  /** @throws {Fault} corrupt when this can't be ttrpc: where the next frame begins is not known then */
  *push(chunk: Buffer): Generator<Frame> {
    const rest = this.#skip(chunk);
    if (rest.length === 0) return;
    this.#pieces.push(rest);
    this.#held += rest.length;
    for (;;) {
      if (this.#header === undefined) {
        if (this.#held < headerLength) return;
        this.#header = parseHeader(this.#take(headerLength));
      }
      const { length, ...frame } = this.#header;
      if (length > maxFrameData) {
        this.#header = undefined;
        this.#toSkip = length;
        const after = this.#skip(this.#take(this.#held));
        this.#pieces = [after];
        this.#held = after.length;
        yield { ...frame, data: undefined };
      } else {
        if (this.#held < length) return;
        this.#header = undefined;
        yield { ...frame, data: this.#take(length) };
      }
    }
  }

  /** True when the peer has gone in the midst of a frame. */
  get isCutOff(): boolean {
    return this.#held > 0 || this.#header !== undefined || this.#toSkip > 0;
  }

  #skip(chunk: Buffer): Buffer {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    return chunk.subarray(skipped);
  }

  /** The first bytes of what is held, copied only where they came in pieces. */
  #take(length: Bytes): Buffer {
    const [first = empty] = this.#pieces;
    const whole = first.length >= length ? first : Buffer.concat(this.#pieces);
    const others = first.length >= length ? this.#pieces.slice(1) : [];
    this.#pieces = whole.length > length ? [whole.subarray(length), ...others] : others;
    this.#held -= length;
    return whole.subarray(0, length);
  }
}

function parseHeader(bytes: Buffer): Header {
  // no frame is that long, so the first byte is 0: a peer that speaks something else shows here
  if (bytes[0] !== 0) throw new Fault("corrupt", `${bytes.toString("hex")} is no header of a ttrpc frame`);
  return {
    length: bytes.readUInt32BE(0),
    stream: bytes.readUInt32BE(4),
    type: bytes.readUInt8(8),
    flags: bytes.readUInt8(9),
  };
}
