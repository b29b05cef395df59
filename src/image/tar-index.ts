import type { FileHandle } from "node:fs/promises";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";

/** Where in a tar file the content of one of its files lies. */
export interface TarFile {
  readonly offset: Bytes;
  readonly size: Bytes;
}

const block = 512;
const entriesMax = 100_000;
const extensionMax = 1 << 20;
const linksMax = 8;

interface Header {
  readonly name: string;
  readonly link: string;
  readonly size: Bytes;
  readonly type: string;
}

/**
 * Finds the files of a tar (POSIX ustar and pax, GNU long names) by reading its headers alone. Links to other
 * files of it stand for those. Names that lead out of it are left out: nobody can ask for them.
 *
 * @throws {Fault} corrupt; exhausted for too many entries
 */
export async function indexTar(file: FileHandle, signal: AbortSignal): Promise<Map<string, TarFile>> {
  const { size: end } = await file.stat();
  const files = new Map<string, TarFile>();
  const links = new Map<string, string>();
  let said: { name?: string; link?: string; size?: Bytes } = {};
  let entries = 0;
  for (let at = 0; at + block <= end; ) {
    signal.throwIfAborted();
    if (++entries > entriesMax)
      throw new Fault("exhausted", `the archive has more than ${entriesMax} entries`);
    const header = readHeader(await readAt(file, at, block));
    if (header === undefined) break;
    const extension = "xgLK".includes(header.type);
    const size = extension ? header.size : (said.size ?? header.size);
    const offset = at + block;
    if (offset + size > end) throw new Fault("corrupt", "the archive is cut short");
    at = offset + Math.ceil(size / block) * block;
    if (extension) {
      if (size > extensionMax) throw new Fault("exhausted", "the archive has a header that is too long");
      said = { ...said, ...readExtension(header.type, await readAt(file, offset, size)) };
      continue;
    }
    const name = inside(said.name ?? header.name);
    const link = said.link ?? header.link;
    said = {};
    if (name === undefined) continue;
    files.delete(name);
    links.delete(name);
    if (header.type === "0" || header.type === "\0" || header.type === "7") files.set(name, { offset, size });
    else if (header.type === "1") links.set(name, link);
    else if (header.type === "2") links.set(name, link.startsWith("/") ? link : `${name}/../${link}`);
  }
  for (const name of links.keys()) {
    const target = follow(name, links, files);
    if (target !== undefined) files.set(name, target);
  }
  return files;
}

function follow(
  name: string,
  links: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, TarFile>,
): TarFile | undefined {
  let at: string | undefined = name;
  for (let count = 0; count < linksMax && at !== undefined; count++) {
    const file = files.get(at);
    if (file !== undefined) return file;
    at = inside(links.get(at) ?? "/");
  }
  return undefined;
}

/** A name without `.` and `..`; undefined when it is empty or leads out. */
function inside(name: string): string | undefined {
  if (name.startsWith("/")) return undefined;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.length === 0 ? undefined : parts.join("/");
}

async function readAt(file: FileHandle, at: Bytes, size: Bytes): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, at);
  if (bytesRead !== size) throw new Fault("corrupt", "the archive is cut short");
  return buffer;
}

/** Undefined for the zeros at the end. */
function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined;
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (sum !== number(bytes.subarray(148, 156)))
    throw new Fault("corrupt", "this is not a tar file, or it is damaged");
  const prefix = bytes.toString("latin1", 257, 262) === "ustar" ? text(bytes.subarray(345, 500)) : "";
  const name = text(bytes.subarray(0, 100));
  return {
    name: prefix === "" || bytes.toString("latin1", 257, 265) === "ustar  \0" ? name : `${prefix}/${name}`,
    link: text(bytes.subarray(157, 257)),
    size: number(bytes.subarray(124, 136)),
    type: bytes.toString("latin1", 156, 157),
  };
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

/** Octal, or GNU's base 256 for what is larger. */
function number(bytes: Buffer): number {
  let value = 0;
  if (bytes[0] === 0x80) {
    for (const byte of bytes.subarray(1)) value = value * 256 + byte;
  } else {
    const digits = /^ *([0-7]*)[ \0]*$/.exec(bytes.toString("latin1"))?.[1];
    value = digits === undefined ? Number.NaN : Number.parseInt(digits || "0", 8);
  }
  if (!Number.isSafeInteger(value))
    throw new Fault("corrupt", "this is not a tar file, or it is damaged: a bad number");
  return value;
}

function readExtension(type: string, bytes: Buffer): { name?: string; link?: string; size?: Bytes } {
  if (type === "L") return { name: text(bytes) };
  if (type === "K") return { link: text(bytes) };
  if (type === "g") return {};
  const said: { name?: string; link?: string; size?: Bytes } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    const equals = bytes.indexOf(0x3d, space);
    const end = at + length - 1;
    if (space < 0 || !(length > 0) || equals < 0 || equals > end || bytes[end] !== 0x0a) {
      throw new Fault("corrupt", "the archive has a malformed pax header");
    }
    const key = bytes.toString("utf8", space + 1, equals);
    const value = bytes.toString("utf8", equals + 1, end);
    if (key === "path") said.name = value;
    else if (key === "linkpath") said.link = value;
    else if (key === "size" && /^[0-9]{1,15}$/.test(value)) said.size = Number(value);
    at = end + 1;
  }
  return said;
}
