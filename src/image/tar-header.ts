import type { Bytes } from "../base/units.ts";

const block = 512;
const octalMax = 8 ** 11 - 1;

/** What ends a tar file. */
export const tarEnd: Uint8Array = new Uint8Array(2 * block);

/**
 * The header of a plain file in a tar (POSIX ustar): root's, mode 0644, of no particular time. `name`: up to
 * 100 bytes.
 */
export function tarHeader(name: string, size: Bytes): Buffer {
  const header = Buffer.alloc(block);
  header.write(name, 0, 100, "utf8");
  header.write("0000644\x000000000\x000000000\0", 100, "latin1");
  if (size <= octalMax) header.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  else {
    // GNU's base 256, which every reader of large archives knows.
    header.writeBigUInt64BE(BigInt(size), 128);
    header[124] = 0x80;
  }
  header.write("00000000000\0        0", 136, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Zeros up to the next whole block. */
export function tarPadding(size: Bytes): Uint8Array {
  return new Uint8Array((block - (size % block)) % block);
}
