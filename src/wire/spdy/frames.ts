import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** A frame of SPDY 3.1 (draft 3.1, section 2.6), its header block still compressed. */
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

/** Cuts a byte stream into frames. Holds at most one frame that is not whole yet. */
export class FrameReader {
  readonly #most: Bytes;
  #rest: Buffer = Buffer.alloc(0);

  /** @param most the longest frame that is taken */
  constructor(most: Bytes) {
    this.#most = Math.min(most, mostBytes);
  }

  /** The frames that are whole with `data`. @throws {Fault} invalid for what is no frame, or one that is too long */
  *read(data: Buffer): Generator<Frame> {
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    this.#rest = Buffer.alloc(0);
    while (bytes.length >= headBytes) {
      const length = bytes.readUIntBE(5, 3);
      if (length > this.#most) throw new Fault("invalid", `a SPDY frame of ${length} bytes`);
      if (bytes.length < headBytes + length) break;
      yield parseFrame(bytes.subarray(0, headBytes + length));
      bytes = bytes.subarray(headBytes + length);
    }
    this.#rest = bytes;
  }
}

function parseFrame(frame: Buffer): Frame {
  const first = frame.readUInt32BE(0);
  const last = (frame.readUInt8(4) & lastFlag) !== 0;
  const body = frame.subarray(headBytes);
  if (first < 0x8000_0000) return { kind: "data", stream: first, last, data: body };
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
  const bytes = Buffer.alloc(headBytes);
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
