import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** A frame of SPDY 3.1 (draft 3.1, section 2.6), its header block still compressed; of data, a piece of a frame. */
export type Frame =
  | { readonly kind: "data"; readonly stream: number; readonly last: boolean; readonly data: Buffer }
  | { readonly kind: "synStream"; readonly stream: number; readonly last: boolean; readonly block: Buffer }
  | { readonly kind: "synReply"; readonly stream: number; readonly last: boolean; readonly block: Buffer }
  | { readonly kind: "headers"; readonly stream: number; readonly last: boolean; readonly block: Buffer }
  | { readonly kind: "reset"; readonly stream: number; readonly status: number }
  | { readonly kind: "ping"; readonly id: number }
  | { readonly kind: "goAway"; readonly lastStream: number; readonly status: number }
  /** Settings and window updates: the programs that speak SPDY to a container runtime keep no windows. */
  | { readonly kind: "ignored" };

const version = 3;
const types = {
  synStream: 1,
  synReply: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;
const lastFlag = 0x01;
const headBytes = 8;
/** 24 bits of length. */
const mostBytes: Bytes = 0xff_ffff;

/** What a stream is reset with (section 2.6.3). */
export const resetStatus = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;

const nothing = Buffer.alloc(0);

/** A frame of data whose head has come. */
interface OpenData {
  readonly stream: number;
  readonly last: boolean;
  /** What is still to come of it. */
  left: Bytes;
}

/**
 * Cuts a byte stream into frames. Data is handed on as it comes, a frame in as many pieces as it was received in and
 * without a copy; of other frames, one at most is held that is not whole yet.
 */
export class FrameReader {
  readonly #most: Bytes;
  #rest = nothing;
  #data: OpenData | undefined;

  /** @param most the longest frame that is taken */
  constructor(most: Bytes) {
    this.#most = Math.min(most, mostBytes);
  }

  /**
   * What there is with `received`; its data lies in there. To be read to its end before the next.
   *
   * @throws {Fault} invalid for what is no frame, or one that is too long
   */
  *read(received: Buffer): Generator<Frame> {
    let bytes = this.#rest.length === 0 ? received : Buffer.concat([this.#rest, received]);
    this.#rest = nothing;
    for (;;) {
      if (this.#data !== undefined) {
        if (bytes.length === 0) return;
        const data = bytes.subarray(0, this.#data.left);
        bytes = bytes.subarray(data.length);
        yield this.#piece(this.#data, data);
        continue;
      }
      const length = bytes.length < headBytes ? 0 : bytes.readUIntBE(5, 3);
      if (length > this.#most) throw new Fault("invalid", `a SPDY frame of ${length} bytes`);
      if (bytes.length >= headBytes && isData(bytes)) {
        this.#data = { stream: bytes.readUInt32BE(0), last: hasLastFlag(bytes), left: length };
        bytes = bytes.subarray(headBytes);
        if (length === 0) yield this.#piece(this.#data, nothing);
        continue;
      }
      if (bytes.length < headBytes + length) break;
      yield parseControl(bytes.subarray(0, headBytes + length));
      bytes = bytes.subarray(headBytes + length);
    }
    this.#rest = Buffer.from(bytes); // what it was received in need not stay for it
  }

  #piece(open: OpenData, data: Buffer): Frame {
    open.left -= data.length;
    if (open.left === 0) this.#data = undefined;
    return { kind: "data", stream: open.stream, last: open.last && open.left === 0, data };
  }
}

function isData(head: Buffer): boolean {
  return head.readUInt8(0) < 0x80;
}

function hasLastFlag(head: Buffer): boolean {
  return (head.readUInt8(4) & lastFlag) !== 0;
}

function parseControl(frame: Buffer): Frame {
  const first = frame.readUInt32BE(0);
  const last = hasLastFlag(frame);
  const body = frame.subarray(headBytes);
  if (((first >>> 16) & 0x7fff) !== version)
    throw new Fault("invalid", "a SPDY frame of another version than 3");
  const word = (at: number): number => {
    if (body.length < at + 4) throw new Fault("invalid", "a SPDY frame that ends too early");
    return body.readUInt32BE(at) & 0x7fff_ffff;
  };
  switch (first & 0xffff) {
    case types.synStream:
      word(6); // priority and slot, which nobody uses, lie before the block
      return { kind: "synStream", stream: word(0), last, block: body.subarray(10) };
    case types.synReply:
      return { kind: "synReply", stream: word(0), last, block: body.subarray(4) };
    case types.headers:
      return { kind: "headers", stream: word(0), last, block: body.subarray(4) };
    case types.reset:
      return { kind: "reset", stream: word(0), status: word(4) };
    case types.ping:
      word(0);
      return { kind: "ping", id: body.readUInt32BE(0) };
    case types.goAway:
      return { kind: "goAway", lastStream: word(0), status: word(4) };
    default:
      return { kind: "ignored" }; // section 2.6: what is not known is passed over
  }
}

function head(first: number, last: boolean, length: Bytes): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes); // every byte of it is written
  bytes.writeUInt32BE(first >>> 0, 0);
  bytes.writeUInt8(last ? lastFlag : 0, 4);
  bytes.writeUIntBE(length, 5, 3);
  return bytes;
}

function control(type: number, last: boolean, words: readonly number[], block?: Buffer): Buffer {
  const body = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) body.writeUInt32BE(word >>> 0, index * 4);
  const length = body.length + (block?.length ?? 0);
  return Buffer.concat([
    head(0x8000_0000 | (version << 16) | type, last, length),
    body,
    ...(block ? [block] : []),
  ]);
}

/** The head of a data frame: the data follows it. At most 16 MiB a frame. */
export function dataHead(stream: number, last: boolean, length: Bytes): Buffer {
  return head(stream, last, length);
}

/** SYN_STREAM of a stream that no other one begot, with the lowest priority. */
export function synStream(stream: number, block: Buffer): Buffer {
  const unused = Buffer.alloc(2);
  return control(types.synStream, false, [stream, 0], Buffer.concat([unused, block]));
}

export function synReply(stream: number, block: Buffer): Buffer {
  return control(types.synReply, false, [stream], block);
}

export function reset(stream: number, status: number): Buffer {
  return control(types.reset, false, [stream, status]);
}

export function ping(id: number): Buffer {
  return control(types.ping, false, [id]);
}

export function goAway(lastStream: number): Buffer {
  return control(types.goAway, false, [lastStream, 0]);
}
