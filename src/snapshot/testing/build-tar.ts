/** One member of a tar for tests; what is left out is harmless. */
export interface TestEntry {
  /** UTF-8, or bytes. A name beyond 100 bytes goes into a pax record. */
  readonly name: string | Uint8Array;
  /** The type flag; `0` for a file, `5` when the name ends in `/`. */
  readonly flag?: string;
  readonly content?: Uint8Array | string;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds, with a fraction if need be: then as a pax record. */
  readonly mtime?: number | string;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: Readonly<Record<string, Uint8Array | string>>;
  readonly pax?: readonly (readonly [string, Uint8Array | string])[];
  /** What the header says of the size, when that is not the content's. */
  readonly size?: number;
  readonly magic?: "ustar" | "gnu" | "v7";
}

const bytes = (value: Uint8Array | string) =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value);

export function pad(content: Uint8Array): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function octal(value: number, length: number): Buffer {
  if (value >= 0 && value < 8 ** (length - 1))
    return Buffer.from(`${value.toString(8).padStart(length - 1, "0")}\0`);
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(8 * length, BigInt(value));
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) field[i] = Number(rest & 0xffn);
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

/** One header block with a valid checksum. */
export function headerBlock(entry: TestEntry, size: number): Buffer {
  const block = Buffer.alloc(512);
  bytes(entry.name).copy(block, 0, 0, 100);
  octal(entry.mode ?? 0o644, 8).copy(block, 100);
  octal(entry.uid ?? 0, 8).copy(block, 108);
  octal(entry.gid ?? 0, 8).copy(block, 116);
  octal(size, 12).copy(block, 124);
  octal(typeof entry.mtime === "number" ? Math.floor(entry.mtime) : 0, 12).copy(block, 136);
  block.write(flagOf(entry), 156, "latin1");
  Buffer.from(entry.link ?? "").copy(block, 157, 0, 100);
  if (entry.magic === "gnu") block.write("ustar  \0", 257, "latin1");
  else if (entry.magic !== "v7") block.write("ustar\x0000", 257, "latin1");
  octal(entry.device?.[0] ?? 0, 8).copy(block, 329);
  octal(entry.device?.[1] ?? 0, 8).copy(block, 337);
  return sealed(block);
}

/** Writes the checksum into a header block. */
export function sealed(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function flagOf(entry: TestEntry): string {
  if (entry.flag !== undefined) return entry.flag;
  return bytes(entry.name).at(-1) === 0x2f ? "5" : "0";
}

/** A pax header and its records, for the member that follows (`x`) or all that follow (`g`). */
export function paxHeader(records: NonNullable<TestEntry["pax"]>, flag: "x" | "g" = "x"): Buffer {
  const lines = records.map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), bytes(value), Buffer.from("\n")]);
    let length = rest.length + 1;
    while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  const content = Buffer.concat(lines);
  return Buffer.concat([headerBlock({ name: "pax", flag }, content.length), pad(content)]);
}

export function member(entry: TestEntry): Buffer {
  const content = bytes(entry.content ?? "");
  const records: [string, Uint8Array | string][] = [...(entry.pax ?? [])].map(([key, value]) => [key, value]);
  if (bytes(entry.name).length > 100) records.push(["path", entry.name]);
  if (Buffer.byteLength(entry.link ?? "") > 100) records.push(["linkpath", entry.link ?? ""]);
  if (typeof entry.mtime === "string") records.push(["mtime", entry.mtime]);
  for (const [name, value] of Object.entries(entry.xattrs ?? {}))
    records.push([`SCHILY.xattr.${name}`, value]);
  const extended = records.length === 0 ? Buffer.alloc(0) : paxHeader(records);
  return Buffer.concat([extended, headerBlock(entry, entry.size ?? content.length), pad(content)]);
}

/** A whole tar, with its end mark. */
export function buildTar(entries: readonly TestEntry[]): Buffer {
  return Buffer.concat([...entries.map(member), Buffer.alloc(1024)]);
}
