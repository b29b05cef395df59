import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type TarEntry, tarOf } from "./tar.ts";

/** A layer that can be read in parts (stargz-snapshotter, docs/estargz.md): gzip members, a table of them, where that begins. */
export interface EstargzLayer {
  readonly blob: Buffer;
  /** All of it unpacked: an ordinary tar, to whom the rest means nothing. */
  readonly tar: Buffer;
  /** What the layer's descriptor says of it, by which whoever reads a part can verify that. */
  readonly annotations: Readonly<Record<string, string>>;
}

const types = { file: "reg", directory: "dir", symlink: "symlink", hardlink: "hardlink" } as const;
const chunkBytes = 1 << 20;
const endOfTar = 1024;
/** Says that no file is to be fetched ahead of the others. */
const landmark: TarEntry = {
  path: ".no.prefetch.landmark",
  kind: "file",
  mode: 0o644,
  data: Buffer.from([0xf]),
};

/** Packs entries so that each file, and each piece of a large one, is a gzip member of its own. */
export function estargzOf(entries: readonly TarEntry[]): EstargzLayer {
  const members: Buffer[] = [];
  const tar: Buffer[] = [];
  let size = 0;
  const add = (bytes: Buffer): number => {
    const member = gzipSync(bytes);
    const offset = size;
    members.push(member);
    tar.push(bytes);
    size += member.length;
    return offset;
  };
  const table = [landmark, ...entries].flatMap((entry) => addEntry(entry, add));
  const toc = Buffer.from(JSON.stringify({ version: 1, entries: table }));
  const tocEntry: TarEntry = { path: "stargz.index.json", kind: "file", mode: 0o444, data: toc };
  const tocOffset = add(tarOf([tocEntry]));
  members.push(footerFor(tocOffset));
  return {
    blob: Buffer.concat(members),
    tar: Buffer.concat(tar),
    annotations: { "containerd.io/snapshot/stargz/toc.digest": digestOf(toc) },
  };
}

/** @returns what the table says of it, an item for each piece */
function addEntry(entry: TarEntry, add: (bytes: Buffer) => number): object[] {
  const { path, kind, mode, target, uid = 0, gid = 0 } = entry;
  const data = Buffer.from(entry.data ?? []);
  const whole = tarOf([entry]).subarray(0, -endOfTar);
  const padded = Math.ceil(data.length / 512) * 512;
  add(whole.subarray(0, whole.length - padded));
  const item = {
    name: path,
    type: types[kind],
    mode,
    uid,
    gid,
    ...(target === undefined ? {} : { linkName: target }),
  };
  if (data.length === 0) return [item];
  const pieces: object[] = [];
  for (let at = 0; at < data.length; at += chunkBytes) {
    const chunk = data.subarray(at, at + chunkBytes);
    const isLast = at + chunkBytes >= data.length;
    const offset = add(isLast ? whole.subarray(whole.length - padded + at) : Buffer.from(chunk));
    const piece = {
      offset,
      chunkOffset: at,
      chunkSize: isLast ? 0 : chunk.length,
      chunkDigest: digestOf(chunk),
    };
    pieces.push(
      at === 0
        ? { ...item, ...piece, size: data.length, digest: digestOf(data) }
        : { name: path, type: "chunk", ...piece },
    );
  }
  return pieces;
}

/** An empty gzip member whose extra field says where the table begins. */
function footerFor(tocOffset: number): Buffer {
  const field = Buffer.from(`${tocOffset.toString(16).padStart(16, "0")}STARGZ`, "latin1");
  const header = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]);
  const extra = Buffer.from([field.length + 4, 0, 0x53, 0x47, field.length, 0]);
  const empty = Buffer.from([1, 0, 0, 255, 255]);
  return Buffer.concat([header, extra, field, empty, Buffer.alloc(8)]);
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
