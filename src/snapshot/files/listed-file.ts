import type { Bytes } from "../../base/units.ts";
import type { LayerPath } from "../names.ts";

/** What one entry of a layer makes of a name, as far as it is compared later. Times and extended attributes are not. */
export type ListedFile =
  | {
      readonly type: "file";
      readonly path: LayerPath;
      readonly owner: FileOwner;
      readonly size: Bytes;
      /** Undefined for a sparse file: only its size is compared. */
      readonly checksum: number | undefined;
    }
  | { readonly type: "directory"; readonly path: LayerPath; readonly owner: FileOwner }
  | { readonly type: "symbolicLink"; readonly path: LayerPath; readonly target: string }
  /** The same file as that of an earlier entry, or of a layer below. */
  | { readonly type: "hardLink"; readonly path: LayerPath; readonly target: LayerPath }
  | { readonly type: "fifo" | "characterDevice" | "blockDevice"; readonly path: LayerPath };

export interface FileOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

type Line = readonly (string | number)[];

/** One line of text. Names need not be UTF-8, so it has one character for each byte. */
export function formatListedFile(file: ListedFile): string {
  return `${JSON.stringify(lineOf(file))}\n`;
}

function lineOf(file: ListedFile): Line {
  switch (file.type) {
    case "file": {
      const { mode, uid, gid } = file.owner;
      const line = ["f", file.path, mode, uid, gid, file.size];
      return file.checksum === undefined ? line : [...line, file.checksum];
    }
    case "directory":
      return ["d", file.path, file.owner.mode, file.owner.uid, file.owner.gid];
    case "symbolicLink":
      return ["l", file.path, file.target];
    case "hardLink":
      return ["h", file.path, file.target];
    case "fifo":
      return ["p", file.path];
    case "characterDevice":
      return ["c", file.path];
    case "blockDevice":
      return ["b", file.path];
  }
}

const nodes = { p: "fifo", c: "characterDevice", b: "blockDevice" } as const;

/** Reads a line back. @throws when it isn't one */
export function parseListedFile(line: string): ListedFile {
  const [kind, path, ...rest] = JSON.parse(line) as [string, string, ...(string | number)[]];
  const owner = { mode: Number(rest[0]), uid: Number(rest[1]), gid: Number(rest[2]) };
  if (kind === "f") {
    const checksum = rest[4] === undefined ? undefined : Number(rest[4]);
    return { type: "file", path, owner, size: Number(rest[3]), checksum };
  }
  if (kind === "d") return { type: "directory", path, owner };
  if (kind === "l") return { type: "symbolicLink", path, target: String(rest[0]) };
  if (kind === "h") return { type: "hardLink", path, target: String(rest[0]) };
  if (kind === "p" || kind === "c" || kind === "b") return { type: nodes[kind], path };
  throw new Error(`the list of files has a line of the kind ${JSON.stringify(kind)}`);
}
