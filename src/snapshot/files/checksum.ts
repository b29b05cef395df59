import { crc32 } from "node:zlib";
import koffi from "koffi";

type Checksum = (bytes: Uint8Array, before: number) => number;

/** Below this, a call through koffi takes longer than zlib does. */
const smallBytes = 1024;

let ofLarge: Checksum | undefined;

/**
 * CRC-32 as gzip has it, of `bytes` behind those that have `before`. It finds what a disk or a kernel damaged; it does not
 * stop anyone who forges files on purpose.
 */
export function checksum(bytes: Uint8Array, before = 0): number {
  if (bytes.length < smallBytes) return crc32(bytes, before);
  ofLarge ??= fastest();
  return ofLarge(bytes, before);
}

/** ISA-L, which comes with igzip, takes a tenth of zlib's time. */
function fastest(): Checksum {
  try {
    const isal = koffi.load("libisal.so.2");
    const byIsal = isal.func(
      "uint32_t crc32_gzip_refl(uint32_t init, const uint8_t *bytes, uint64_t length)",
    );
    return (bytes, before) => byIsal(before, bytes, bytes.length) as number;
  } catch {
    return (bytes, before) => crc32(bytes, before);
  }
}
