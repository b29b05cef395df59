import { gunzipSync } from "node:zlib";

const windowBytes = 262_144;

/**
 * The end of a gzip stream, to tell whether something that is not gzip follows the last member: igzip passes over it in
 * silence. Everything else (checksums, lengths, a cut) igzip checks itself.
 */
export class GzipTail {
  #kept: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    if (chunk.length >= windowBytes) this.#kept = chunk.slice(-windowBytes);
    else this.#kept = Buffer.concat([this.#kept.subarray(chunk.length - windowBytes), chunk]);
  }

  /**
   * True if the stream ends in garbage.
   *
   * A member ends with its own length (RFC 1952, 2.3.1). So a stream of one member ends with the length of all that
   * came out. Of several members the last one lies within the window, or it is longer than that, and nothing is known
   * of it but that the whole length, found in the window, must have been a single member's end.
   *
   * @param unpacked how many bytes came out
   */
  endsInGarbage(unpacked: number): boolean {
    const kept = Buffer.from(this.#kept);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(unpacked % 2 ** 32);
    if (kept.subarray(-4).equals(length)) return false;
    for (let at = kept.lastIndexOf(magic); at >= 0; at = at === 0 ? -1 : kept.lastIndexOf(magic, at - 1))
      if (isWholeMembers(kept.subarray(at))) return false;
    return kept.includes(length);
  }
}

const magic = Buffer.from([0x1f, 0x8b, 0x08]);
const maxProbe = 268_435_456;

function isWholeMembers(bytes: Uint8Array): boolean {
  try {
    const { engine } = gunzipSync(bytes, { info: true, maxOutputLength: maxProbe }) as unknown as {
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === bytes.length;
  } catch {
    return false;
  }
}
