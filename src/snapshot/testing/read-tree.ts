import { createHash } from "node:crypto";
import { constants, readFileSync, readlinkSync } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import { getExtendedAttribute, listExtendedAttributes } from "../../linux/extended-attributes.ts";
import { walkTree } from "../tree/walk.ts";

/** What can be told of a file; two trees with equal descriptions are equal to every program. */
export interface Described {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  /** Nanoseconds. */
  readonly modified: string;
  /** A digest, a link's text, or a device's number. */
  readonly content: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The first name (in order) of the same inode. */
  readonly sameAs: string;
}

const types = new Map([
  [constants.S_IFIFO, "fifo"],
  [constants.S_IFCHR, "character device"],
  [constants.S_IFDIR, "directory"],
  [constants.S_IFBLK, "block device"],
  [constants.S_IFREG, "file"],
  [constants.S_IFLNK, "link"],
]);

/** Describes everything in a tree by path (bytes as characters); the root is `""`. */
export function readTree(root: string): Record<string, Described> {
  const all = [...walkTree(root)].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const firsts = new Map<bigint, string>();
  const tree: Record<string, Described> = {};
  for (const { path, stat } of all) {
    const at = within(root, path);
    const type = types.get(Number(stat.mode) & constants.S_IFMT) ?? "?";
    if (type !== "directory" && !firsts.has(stat.ino)) firsts.set(stat.ino, path);
    tree[path] = {
      type,
      mode: (Number(stat.mode) & 0o7777).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      modified: String(stat.mtimeNs),
      content: contentOf(at, type, stat.rdev),
      attributes: attributesOf(at),
      sameAs: firsts.get(stat.ino) ?? path,
    };
  }
  return tree;
}

function contentOf(path: string | Buffer, type: string, device: bigint): string {
  if (type === "file") return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 16);
  if (type === "link") return readlinkSync(path, "latin1");
  return type.endsWith("device") ? String(device) : "";
}

function attributesOf(path: string | Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of listExtendedAttributes(path).toSorted())
    found[name] = Buffer.from(getExtendedAttribute(path, name) ?? []).toString("hex");
  return found;
}
