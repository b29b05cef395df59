import { type BigIntStats, constants, lstatSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { pathBytes, within } from "../../linux/byte-path.ts";
import { errnoOf, systemFault } from "../../linux/libc.ts";
import { O_PATH, type OwnedFd, openBeneath, openDirectory, pathAt } from "../../linux/open-beneath.ts";
import type { CompareRequest, Comparison, FileDifference } from "../compare-contract.ts";
import { type LayerPath, nameOf, parentOf } from "../names.ts";
import { checksum } from "./checksum.ts";
import { type FileOwner, type ListedFile, parseListedFile } from "./listed-file.ts";

const readAtOnce = 262_144;
const readable = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Compares a layer's files with what was listed of them when they were unpacked: types, owners, modes, sizes, contents,
 * where links lead. What was added is not looked for.
 *
 * @throws {Fault} corrupt when the list can't be read
 */
export function compareFiles({ root, list, most }: CompareRequest): Comparison {
  const expected = lastOf(readList(list));
  using tree = new Tree(root);
  const found: FileDifference[] = [];
  const sum = { files: 0, bytes: 0, differences: found, more: 0 };
  for (const [path, file] of expected) {
    sum.files++;
    const what = differenceOf(file, path, tree);
    if (what === undefined) continue;
    if (found.length < most) found.push({ path, what });
    else sum.more++;
  }
  return { ...sum, bytes: tree.bytesRead };
}

function readList(path: string): ListedFile[] {
  try {
    const packed = readFileSync(path);
    if (packed.length === 0) return [];
    const lines = zstdDecompressSync(packed).toString("latin1").split("\n");
    return lines.filter((line) => line !== "").map(parseListedFile);
  } catch (error) {
    throw systemFault(`reading the list of files ${path}`, error);
  }
}

/** What each name stands for when all entries have been made, one after the other. */
function lastOf(files: readonly ListedFile[]): ReadonlyMap<LayerPath, ListedFile | undefined> {
  const last = new Map<LayerPath, ListedFile | undefined>();
  for (const file of files) {
    if (last.get(file.path)?.type === "directory" && file.type !== "directory")
      for (const path of last.keys()) if (path.startsWith(`${file.path}/`)) last.delete(path);
    // A link to a layer below: that it is there is all that is known of it.
    last.set(file.path, file.type === "hardLink" ? last.get(file.target) : file);
  }
  return last;
}

/** Undefined: none. */
function differenceOf(file: ListedFile | undefined, path: LayerPath, tree: Tree): string | undefined {
  try {
    const stat = tree.stat(path);
    if (file === undefined || file.type === "hardLink") return undefined;
    const type = typeOf(stat);
    if (type !== file.type) return `is a ${words[type]}, not a ${words[file.type]}`;
    if (file.type === "directory") return ownerDifference(stat, file.owner);
    if (file.type === "symbolicLink") return linkDifference(tree.linkTarget(path), file.target);
    if (file.type !== "file") return undefined;
    if (stat.size !== BigInt(file.size)) return `has ${stat.size} bytes, not ${file.size}`;
    if (file.checksum !== undefined && tree.checksum(path, stat) !== file.checksum)
      return "has another content";
    return ownerDifference(stat, file.owner);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return "is missing";
    return `can't be read: ${code ?? String(error)}`;
  }
}

const words = {
  file: "file",
  directory: "directory",
  symbolicLink: "symbolic link",
  fifo: "FIFO",
  characterDevice: "character device",
  blockDevice: "block device",
  socket: "socket",
} as const;

function typeOf(stat: BigIntStats): keyof typeof words {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symbolicLink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isCharacterDevice()) return "characterDevice";
  return stat.isBlockDevice() ? "blockDevice" : "socket";
}

function ownerDifference(stat: BigIntStats, { mode, uid, gid }: FileOwner): string | undefined {
  const has = Number(stat.mode) & 0o7777;
  if (has !== mode) return `has the mode ${has.toString(8)}, not ${mode.toString(8)}`;
  const is = `${stat.uid}:${stat.gid}`;
  return is === `${uid}:${gid}` ? undefined : `belongs to ${is}, not to ${uid}:${gid}`;
}

function linkDifference(leads: string, target: string): string | undefined {
  return leads === target ? undefined : "leads elsewhere";
}

/** A mounted layer. Its links are followed on the way to a name, as within a container, never at its end. */
class Tree implements Disposable {
  readonly #root: OwnedFd;
  readonly #memory = new Uint8Array(readAtOnce);
  readonly #checksums = new Map<bigint, number>();
  #parent: { readonly path: LayerPath; readonly fd: OwnedFd } | undefined;
  bytesRead = 0;

  constructor(root: string) {
    this.#root = openDirectory(root);
  }

  stat(path: LayerPath): BigIntStats {
    return lstatSync(this.#place(path), { bigint: true });
  }

  linkTarget(path: LayerPath): string {
    return readlinkSync(this.#place(path), "latin1");
  }

  /** A file with several names is read once. */
  checksum(path: LayerPath, { nlink, ino }: BigIntStats): number {
    const known = this.#checksums.get(ino);
    if (known !== undefined) return known;
    const sum = this.#read(path);
    if (nlink > 1n) this.#checksums.set(ino, sum);
    return sum;
  }

  #read(path: LayerPath): number {
    using file = openBeneath(this.#directory(path), pathBytes(nameOf(path)), readable);
    let sum = 0;
    for (;;) {
      const count = readSync(file.fd, this.#memory, 0, readAtOnce, null);
      if (count === 0) return sum;
      this.bytesRead += count;
      sum = checksum(this.#memory.subarray(0, count), sum);
    }
  }

  [Symbol.dispose](): void {
    this.#parent?.fd[Symbol.dispose]();
    this.#root[Symbol.dispose]();
  }

  #place(path: LayerPath): string | Buffer {
    if (path === "") return `${pathAt(this.#root.fd)}/.`;
    return within(pathAt(this.#directory(path)), nameOf(path));
  }

  /** Of the directory that holds `path`: names that lie together come together. */
  #directory(path: LayerPath): number {
    const parent = parentOf(path);
    if (parent === "") return this.#root.fd;
    if (this.#parent?.path === parent) return this.#parent.fd.fd;
    this.#parent?.fd[Symbol.dispose]();
    this.#parent = undefined;
    const fd = openBeneath(this.#root.fd, pathBytes(parent), O_PATH | constants.O_DIRECTORY, {
      confine: "inRoot",
    });
    this.#parent = { path: parent, fd };
    return fd.fd;
  }
}
