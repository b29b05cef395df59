import type { Bytes, UnixNanos } from "../../base/units.ts";
import type { ByteString, TarEntryType } from "./entry.ts";
import { blockSize } from "./header.ts";

/** The largest numbers that fit into fields of 12 and of 8 as octal digits. */
const longOctal = 8 ** 11 - 1;
const shortOctal = 8 ** 7 - 1;
const shortName: Bytes = 100;

/** What ends a tar file. */
export const tarEnd: Uint8Array = new Uint8Array(2 * blockSize);

/** A member to be written; what is left out is that of a plain file of root's, of no particular time. */
export interface TarMember {
  readonly name: ByteString;
  /** Of a file; else 0. */
  readonly size: Bytes;
  readonly type?: Exclude<TarEntryType, "characterDevice" | "blockDevice">;
  readonly linkName?: ByteString;
  /** 0 to 0o7777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Whole seconds of it are kept; what lies before 1970 is 1970. */
  readonly modified?: UnixNanos;
}

const flags = { file: "0", hardLink: "1", symbolicLink: "2", directory: "5", fifo: "6" } as const;

/**
 * The header of a member in GNU's format, which every tar in use reads, busybox's too (pax it does not): names of any
 * length in members of their own before it, large numbers in base 256.
 */
export function tarHeader(member: TarMember): Buffer {
  const { name, linkName = "", type = "file" } = member;
  const blocks = [headerBlock(member, flags[type])];
  if (linkName.length > shortName) blocks.unshift(longName("K", linkName));
  if (name.length > shortName) blocks.unshift(longName("L", name));
  return Buffer.concat(blocks);
}

/** Zeros up to the next whole block. */
export function tarPadding(size: Bytes): Uint8Array {
  return new Uint8Array((blockSize - (size % blockSize)) % blockSize);
}

function longName(flag: string, name: ByteString): Buffer {
  const text = Buffer.from(`${name}\0`, "latin1");
  const header = headerBlock({ name: "././@LongLink", size: text.length }, flag);
  return Buffer.concat([header, text, tarPadding(text.length)]);
}

function headerBlock(member: TarMember, flag: string): Buffer {
  const { name, size, linkName = "", mode = 0o644, uid = 0, gid = 0, modified = 0n } = member;
  const header = Buffer.alloc(blockSize);
  header.write(name, 0, shortName, "latin1");
  writeNumber(header, 100, 8, mode);
  writeNumber(header, 108, 8, uid);
  writeNumber(header, 116, 8, gid);
  writeNumber(header, 124, 12, size);
  writeNumber(header, 136, 12, modified < 0n ? 0 : Number(modified / 1_000_000_000n));
  header.write(`        ${flag}`, 148, "latin1");
  header.write(linkName, 157, shortName, "latin1");
  header.write("ustar  \0", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

function writeNumber(header: Buffer, at: number, length: 8 | 12, value: number): void {
  if (value <= (length === 8 ? shortOctal : longOctal)) {
    header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
    return;
  }
  header.writeBigUInt64BE(BigInt(value), at + length - 8);
  header[at] = (header[at] ?? 0) | 0x80;
}
