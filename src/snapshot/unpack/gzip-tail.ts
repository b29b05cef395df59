import { crc32, inflateRawSync } from "node:zlib";

/** More than igzip can have read when it finds the end of the last member and stops. */
const windowBytes = 2_097_152;
/** Bounds what hostile streams can make of the search. */
const maxProbes = 32;
const maxProbed = 33_554_432;

/**
 * The end of a gzip stream, to tell whether something that is not gzip follows the last member: igzip passes over it in
 * silence. Everything else (checksums, lengths, a cut) igzip checks itself.
 */
export class GzipTail {
  readonly #ring = Buffer.allocUnsafeSlow(windowBytes);
  #size = 0;

  push(chunk: Uint8Array): void {
    const kept = chunk.subarray(Math.max(0, chunk.length - windowBytes));
    const at = (this.#size + chunk.length - kept.length) % windowBytes;
    const first = Math.min(kept.length, windowBytes - at);
    this.#ring.set(kept.subarray(0, first), at);
    this.#ring.set(kept.subarray(first), 0);
    this.#size += chunk.length;
  }

  #kept(): Buffer {
    if (this.#size <= windowBytes) return this.#ring.subarray(0, this.#size);
    const at = this.#size % windowBytes;
    return Buffer.concat([this.#ring.subarray(at), this.#ring.subarray(0, at)]);
  }

  /**
   * True if the stream ends in garbage.
   *
   * A member ends with its own length (RFC 1952, 2.3.1). So a stream of one member ends with the length of all that
   * came out. Of several members the last one begins within the window, or it is so long that nothing is known of its
   * end, but that the whole length, when it is found in the window, must have been a single member's.
   *
   * @param unpacked how many bytes came out
   */
  endsInGarbage(unpacked: number): boolean {
    const kept = this.#kept();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(unpacked % 2 ** 32);
    if (kept.subarray(-4).equals(length)) return false;
    let at = kept.lastIndexOf(magic);
    for (let probes = 0; at >= 0 && probes < maxProbes; probes++) {
      const end = endOfMembers(kept, at);
      if (end !== undefined) return end !== kept.length;
      at = at === 0 ? -1 : kept.lastIndexOf(magic, at - 1);
    }
    return kept.includes(length);
  }
}

const magic = Buffer.from([0x1f, 0x8b, 0x08]);

/** Where the members that begin at `at` end; undefined when none does. */
function endOfMembers(bytes: Buffer, at: number): number | undefined {
  let end: number | undefined;
  for (let next = endOfMember(bytes, at); next !== undefined; next = endOfMember(bytes, next)) end = next;
  return end;
}

function endOfMember(bytes: Buffer, at: number): number | undefined {
  if (!bytes.subarray(at, at + 3).equals(magic)) return undefined;
  const data = endOfHeader(bytes, at);
  if (data === undefined) return undefined;
  try {
    const { buffer, engine } = inflateRawSync(bytes.subarray(data), {
      info: true,
      maxOutputLength: maxProbed,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    const trailer = data + engine.bytesWritten;
    if (trailer + 8 > bytes.length || bytes.readUInt32LE(trailer) !== crc32(buffer)) return undefined;
    return bytes.readUInt32LE(trailer + 4) === buffer.length ? trailer + 8 : undefined;
  } catch {
    return undefined;
  }
}

const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const HEADER_CRC = 2;

function endOfHeader(bytes: Buffer, at: number): number | undefined {
  const flags = bytes[at + 3] ?? 0;
  let end = at + 10;
  if ((flags & EXTRA) !== 0) end += 2 + (end + 2 <= bytes.length ? bytes.readUInt16LE(end) : 0);
  for (const text of [NAME, COMMENT]) {
    if ((flags & text) === 0) continue;
    const nul = bytes.indexOf(0, end);
    if (nul < 0) return undefined;
    end = nul + 1;
  }
  if ((flags & HEADER_CRC) !== 0) end += 2;
  return end < bytes.length ? end : undefined;
}
