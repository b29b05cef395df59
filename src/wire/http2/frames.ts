import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

/** RFC 9113, section 6. */
export const frameTypes = {
  data: 0x0,
  headers: 0x1,
  reset: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const frameFlags = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const settingIds = { enablePush: 0x2, maxStreams: 0x3, initialWindow: 0x4, maxFrame: 0x5 } as const;

/** RFC 9113, section 7. */
export const errorCodes = {
  none: 0x0,
  protocol: 0x1,
  internal: 0x2,
  refusedStream: 0x7,
  cancel: 0x8,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
} as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 is the connection itself. */
  readonly stream: number;
  readonly payload: Buffer;
}

const frameHeader: Bytes = 9;
/** What a peer may send in one frame unless it was told otherwise, and what this side never changes. */
export const largestFrame: Bytes = 16_384;

export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeader + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, frameHeader);
  return frame;
}

export function encodeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return encodeFrame(frameTypes.settings, 0, 0, payload);
}

export function decodeSettings(payload: Buffer): (readonly [id: number, value: number])[] {
  if (payload.length % 6 !== 0) throw new Fault("corrupt", "settings are cut short");
  return Array.from({ length: payload.length / 6 }, (_, index) => [
    payload.readUInt16BE(index * 6),
    payload.readUInt32BE(index * 6 + 2),
  ]);
}

/** A frame that holds one number: WINDOW_UPDATE, RST_STREAM. */
export function encodeNumber(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value);
  return encodeFrame(type, 0, stream, payload);
}

/** The number in such a frame; WINDOW_UPDATE's has 31 bits. @throws {Fault} corrupt */
export function decodeNumber({ payload }: Frame): number {
  if (payload.length < 4) throw new Fault("corrupt", "a frame is cut short");
  return payload.readUInt32BE();
}

/** The payload of DATA or HEADERS without what pads and orders it. @throws {Fault} corrupt */
export function unpadded({ type, flags, payload }: Frame): Buffer {
  const isPadded = (flags & frameFlags.padded) !== 0;
  const padding = isPadded ? (payload[0] ?? 0) : 0;
  const priority = type === frameTypes.headers && (flags & frameFlags.priority) !== 0 ? 5 : 0;
  const from = (isPadded ? 1 : 0) + priority;
  if (from + padding > payload.length) throw new Fault("corrupt", "a frame is padded beyond its length");
  return payload.subarray(from, payload.length - padding);
}

/** Cuts what a peer sends into frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length: Bytes = 0;

  /** The frames that are whole with these bytes. @throws {Fault} corrupt for one that is larger than agreed */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= frameHeader) {
      const head = this.#peek(frameHeader);
      const length = head.readUIntBE(0, 3);
      if (length > largestFrame) throw new Fault("corrupt", `a frame of ${length} bytes was not agreed on`);
      if (this.#length < frameHeader + length) return;
      const whole = this.#peek(frameHeader + length);
      this.#drop(whole.length);
      yield {
        type: whole[3] ?? 0,
        flags: whole[4] ?? 0,
        stream: whole.readUInt32BE(5) & 0x7fffffff,
        payload: whole.subarray(frameHeader),
      };
    }
  }

  #peek(length: Bytes): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    const whole = Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole.subarray(0, length);
  }

  /** Takes what `#peek` has shown, which lies in the first chunk. */
  #drop(length: Bytes): void {
    const [first, ...rest] = this.#chunks as [Buffer, ...Buffer[]];
    this.#chunks = first.length === length ? rest : [first.subarray(length), ...rest];
    this.#length -= length;
  }
}
