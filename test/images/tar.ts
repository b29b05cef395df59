import { Buffer } from "node:buffer";

/** What an entry of a tar file is besides its name. Owner root, time 0 unless said: the same input, the same bytes. */
export interface TarEntry {
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink";
  /** Permission bits, setuid and sticky included. */
  readonly mode: number;
  readonly data?: Uint8Array;
  readonly target?: string;
  readonly uid?: number;
  readonly gid?: number;
}

const typeFlags = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;
const block = 512;

/** A tar file (POSIX ustar, pax records for names that do not fit) of these entries, in their order. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const long = [
      ...(Buffer.byteLength(entry.path) > 100 ? [paxRecord("path", entry.path)] : []),
      ...(Buffer.byteLength(entry.target ?? "") > 100 ? [paxRecord("linkpath", entry.target ?? "")] : []),
    ].join("");
    if (long !== "")
      parts.push(...record("x", { path: "pax", kind: "file", mode: 0o644, data: Buffer.from(long) }));
    parts.push(...record(typeFlags[entry.kind], entry));
  }
  parts.push(Buffer.alloc(2 * block));
  return Buffer.concat(parts);
}

function record(typeFlag: string, entry: TarEntry): Buffer[] {
  const data = Buffer.from(entry.data ?? new Uint8Array());
  const header = Buffer.alloc(block);
  const octal = (value: number, at: number, digits: number) =>
    void header.write(value.toString(8).padStart(digits, "0"), at, "latin1");
  header.write(Buffer.from(entry.path).subarray(0, 100).toString("latin1"), 0, "latin1");
  octal(entry.mode, 100, 7);
  octal(entry.uid ?? 0, 108, 7);
  octal(entry.gid ?? 0, 116, 7);
  octal(data.length, 124, 11);
  octal(0, 136, 11);
  header.fill(" ", 148, 156, "latin1");
  header.write(typeFlag, 156, "latin1");
  header.write(
    Buffer.from(entry.target ?? "")
      .subarray(0, 100)
      .toString("latin1"),
    157,
    "latin1",
  );
  header.write("ustar\u000000", 257, "latin1");
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header[154] = 0;
  return [header, data, Buffer.alloc((block - (data.length % block)) % block)];
}

/** "<length> key=value\n", the length counting itself (pax(1), extended header). */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (`${length}`.length + Buffer.byteLength(rest) !== length)
    length = `${length}`.length + Buffer.byteLength(rest);
  return `${length}${rest}`;
}
