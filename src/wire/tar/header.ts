import { Fault } from "../../base/fault.ts";
import type { ByteString, SparseRun } from "./entry.ts";

export const blockSize = 512;

/** The fields of one header block, before any extension header is applied. */
export interface TarHeader {
  readonly name: ByteString;
  readonly linkName: ByteString;
  /** The type flag as a character; `\0` of the oldest tars is given as `0`. */
  readonly flag: string;
  /** True for the oldest tars' files, where a name that ends in `/` means a directory. */
  readonly oldFile: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly modified: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly format: "v7" | "ustar" | "gnu" | "star";
}

const corrupt = (what: string) => new Fault("corrupt", `not a valid tar: ${what}`);

/** A field of text: all up to its first NUL. */
function textField(block: Uint8Array, at: number, length: number): ByteString {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return Buffer.from(block.buffer, block.byteOffset + at, end - at).toString("latin1");
}

/**
 * A numeric field: octal digits between spaces and NULs, or base 256 when the first bit is set (GNU, star).
 *
 * @throws {Fault} corrupt for anything else, and for what a double can't hold exactly
 */
export function numberField(block: Uint8Array, at: number, length: number, what: string): number {
  const first = block[at] ?? 0;
  const value = (first & 0x80) === 0 ? octal(block, at, length) : base256(block, at, length);
  if (!Number.isSafeInteger(value)) throw corrupt(`the ${what} of a header is not a number`);
  return value;
}

function octal(block: Uint8Array, at: number, length: number): number {
  const padding = (byte: number | undefined) => byte === 0x20 || byte === 0;
  let from = at;
  let to = at + length;
  while (from < to && padding(block[from])) from++;
  while (to > from && padding(block[to - 1])) to--;
  let value = 0;
  for (let i = from; i < to; i++) {
    const byte = block[i] ?? 0;
    if (byte === 0) return allPadding(block, i, to) ? value : Number.NaN;
    if (byte < 0x30 || byte > 0x37) return Number.NaN;
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function allPadding(block: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (block[i] !== 0 && block[i] !== 0x20) return false;
  return true;
}

function base256(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0;
  const negative = (first & 0x40) !== 0;
  // The first bit is the mark, the second the sign: two's complement over the whole field.
  let value = BigInt(first & 0x7f) - (negative ? 0x80n : 0n);
  for (let i = at + 1; i < at + length; i++) value = value * 256n + BigInt(block[i] ?? 0);
  return Number(value);
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

/** True if the block's checksum is right: the sum of its bytes, the field itself as spaces, signed in some old tars. */
export function hasValidChecksum(block: Uint8Array): boolean {
  let unsigned = 0;
  let high = 0;
  for (let i = 0; i < blockSize; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
    unsigned += byte;
    if (byte > 127) high++;
  }
  const written = octal(block, 148, 8);
  return written === unsigned || written === unsigned - 256 * high;
}

function formatOf(block: Uint8Array): TarHeader["format"] {
  const magic = Buffer.from(block.buffer, block.byteOffset + 257, 8).toString("latin1");
  if (magic === "ustar  \0") return "gnu";
  if (!magic.startsWith("ustar\0")) return "v7";
  return textField(block, 508, 4) === "tar" ? "star" : "ustar";
}

function fullName(block: Uint8Array, format: TarHeader["format"]): ByteString {
  const name = textField(block, 0, 100);
  if (format === "v7" || format === "gnu") return name;
  const prefix = textField(block, 345, format === "star" ? 131 : 155);
  return prefix === "" ? name : `${prefix}/${name}`;
}

/**
 * Parses one header block (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").
 *
 * @throws {Fault} corrupt when the checksum or a field is wrong
 */
export function parseHeader(block: Uint8Array): TarHeader {
  if (!hasValidChecksum(block)) throw corrupt("the checksum of a header is wrong");
  const format = formatOf(block);
  const flag = String.fromCharCode(block[156] ?? 0);
  const device = flag === "3" || flag === "4";
  const size = numberField(block, 124, 12, "size");
  if (size < 0) throw corrupt("the size of an entry is negative");
  return {
    name: fullName(block, format),
    linkName: textField(block, 157, 100),
    flag: flag === "\0" ? "0" : flag,
    oldFile: flag === "\0",
    mode: numberField(block, 100, 8, "mode") & 0o7777,
    uid: numberField(block, 108, 8, "uid"),
    gid: numberField(block, 116, 8, "gid"),
    size,
    modified: numberField(block, 136, 12, "time"),
    deviceMajor: device ? numberField(block, 329, 8, "device") : 0,
    deviceMinor: device ? numberField(block, 337, 8, "device") : 0,
    format,
  };
}

/** The runs of an old GNU sparse header: `count` pairs of offset and length from `at` on; an empty one ends them. */
export function sparseFields(block: Uint8Array, at: number, count: number): SparseRun[] {
  const runs: SparseRun[] = [];
  for (let i = 0; i < count; i++) {
    const start = at + i * 24;
    if (block[start] === 0) break;
    runs.push({
      offset: numberField(block, start, 12, "sparse map"),
      length: numberField(block, start + 12, 12, "sparse map"),
    });
  }
  return runs;
}
