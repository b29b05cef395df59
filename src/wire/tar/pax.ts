import { Fault } from "../../base/fault.ts";
import type { UnixNanos } from "../../base/units.ts";
import type { ByteString } from "./entry.ts";

/** The records of an extended header, in order: sparse maps repeat their keys. Values are bytes, one a character. */
export type PaxRecords = readonly (readonly [key: ByteString, value: ByteString])[];

const corrupt = (what: string) => new Fault("corrupt", `not a valid tar: ${what}`);

/**
 * Parses the content of a pax header: `<length> <key>=<value>\n`, again and again (POSIX.1-2017 pax, "pax Extended
 * Header").
 *
 * @throws {Fault} corrupt
 */
export function parsePaxRecords(content: Uint8Array): PaxRecords {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const records: [ByteString, ByteString][] = [];
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(0x20, at);
    if (space < 0 || space - at > 8) throw corrupt("a pax record has no length");
    const digits = text.toString("latin1", at, space);
    const end = at + (/^[0-9]+$/.test(digits) ? Number(digits) : 0);
    if (end <= space + 1 || end > text.length || text[end - 1] !== 0x0a)
      throw corrupt("the length of a pax record is wrong");
    const equals = text.indexOf(0x3d, space + 1);
    if (equals <= space + 1 || equals >= end) throw corrupt("a pax record has no key");
    records.push([text.toString("latin1", space + 1, equals), text.toString("latin1", equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** A whole number, not negative, that a double holds exactly. @throws {Fault} corrupt */
export function paxNumber(value: ByteString, key: string): number {
  const number = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw corrupt(`the pax record "${key}" is not a number`);
  return number;
}

/** Seconds with a fraction, maybe negative, as nanoseconds; more digits are cut off. @throws {Fault} corrupt */
export function paxTime(value: ByteString, key: string): UnixNanos {
  const parts = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(value);
  if (parts === null) throw corrupt(`the pax record "${key}" is not a time`);
  const fraction = (parts[3] ?? "").slice(0, 9).padEnd(9, "0");
  const nanos = BigInt(parts[2] ?? "0") * 1_000_000_000n + BigInt(fraction);
  return parts[1] === "-" ? -nanos : nanos;
}

const schily = "SCHILY.xattr.";
const libarchive = "LIBARCHIVE.xattr.";
const maxAttributeName = 255;
const maxAttributeValue = 65536;

/**
 * The extended attributes among the records: as bytes (star, GNU, Go), or name percent-encoded and value in base 64
 * (libarchive); the first kind wins.
 *
 * @throws {Fault} corrupt for a value that is not base 64, or beyond what the kernel takes (xattr(7))
 */
export function paxExtendedAttributes(records: PaxRecords): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of records)
    if (key.startsWith(libarchive)) found.set(libarchiveName(key), libarchiveValue(key, value));
  for (const [key, value] of records)
    if (key.startsWith(schily)) found.set(utf8(key.slice(schily.length)), Buffer.from(value, "latin1"));
  for (const [name, value] of found) {
    const length = Buffer.byteLength(name);
    if (length === 0 || length > maxAttributeName || name.includes("\0") || value.length > maxAttributeValue)
      throw corrupt(`the extended attribute ${JSON.stringify(name.slice(0, maxAttributeName))} is too long`);
  }
  return found;
}

const utf8 = (bytes: ByteString) => Buffer.from(bytes, "latin1").toString("utf8");

function libarchiveName(key: ByteString): string {
  const decoded = key
    .slice(libarchive.length)
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return utf8(decoded);
}

function libarchiveValue(key: ByteString, value: ByteString): Uint8Array {
  // libarchive leaves the padding out
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw corrupt(`the pax record "${key.slice(0, 255)}" is not base 64`);
  return Buffer.from(value, "base64");
}
