import { type BigIntStats, constants, lstatSync } from "node:fs";
import { pathBytes, within } from "../../linux/byte-path.ts";
import { errnoOf } from "../../linux/libc.ts";
import { namesAt } from "../../linux/names-at.ts";
import { type OwnedFd, openBeneath, openDirectory, pathAt } from "../../linux/open-beneath.ts";
import type { SnapshotUsage } from "../contract.ts";
import { joinPath, type LayerPath } from "../names.ts";

/** What `st_blocks` counts in (stat(2)). */
const blockBytes = 512;
/** Below a path of this length, paths begin anew: the kernel takes 4096 bytes, but a tree may be deeper. */
const longPath = 2048;

/** An open directory that paths start at; closed when none of them is left. */
interface Start {
  readonly fd: OwnedFd;
  left: number;
}

/**
 * What a tree takes on disk; a file with several names counts once. A container may write to it meanwhile, and may
 * mean ill: every directory is opened beneath the one above, links refused.
 *
 * @throws {SystemCallError}
 */
export function usageOf(root: string): SnapshotUsage {
  const count = new Count(Number.POSITIVE_INFINITY);
  count.tree(root);
  return count.usage;
}

/**
 * The same of what differs from the tree that this one began with, as a snapshot that keeps inodes' numbers: what was changed
 * has another time of change.
 *
 * @throws {SystemCallError}
 */
export function usageBeyond(root: string, from: string): SnapshotUsage {
  const count = new Count(Number.POSITIVE_INFINITY, from);
  count.tree(root);
  return count.usage;
}

/** The same of a tree of `most` names or fewer; undefined for one that has more. @throws {SystemCallError} */
export function usageOfSmall(root: string, most: number): SnapshotUsage | undefined {
  const count = new Count(most);
  return count.tree(root) ? count.usage : undefined;
}

class Count {
  readonly #seen = new Set<bigint>();
  #blocks = 0n;
  #inodes = 0;
  /** How many names may still be looked at. */
  #left: number;
  readonly #from: string | undefined;

  constructor(most: number, from?: string) {
    this.#left = most;
    this.#from = from;
  }

  get usage(): SnapshotUsage {
    return { bytes: Number(this.#blocks) * blockBytes, inodes: this.#inodes };
  }

  /** False when it holds more names than may be looked at. */
  tree(root: string): boolean {
    return this.add("", lstatSync(root, { bigint: true })) && walk(openDirectory(root), this);
  }

  add(path: LayerPath, stat: BigIntStats): boolean {
    if (--this.#left < 0) return false;
    if (this.#isAsBefore(path, stat)) return true;
    if (stat.nlink > 1n && !stat.isDirectory()) {
      if (this.#seen.has(stat.ino)) return true;
      this.#seen.add(stat.ino);
    }
    this.#blocks += stat.blocks;
    this.#inodes++;
    return true;
  }

  /** Wherever links in the older tree lead, another file is not taken for this one. */
  #isAsBefore(path: LayerPath, { ino, ctimeNs, size }: BigIntStats): boolean {
    if (this.#from === undefined) return false;
    const before = lstatSync(within(this.#from, path), { bigint: true, throwIfNoEntry: false });
    return before !== undefined && before.ino === ino && before.ctimeNs === ctimeNs && before.size === size;
  }
}

function walk(root: OwnedFd, count: Count): boolean {
  /** `path` is from the start, `whole` from the root. */
  const waiting: { start: Start; path: LayerPath; whole: LayerPath }[] = [
    { start: { fd: root, left: 1 }, path: ".", whole: "" },
  ];
  try {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { start, path, whole } = next;
      const directory = openIfThere(start.fd.fd, path);
      if (directory !== undefined) {
        const long = path.length > longPath;
        const from: Start = long ? { fd: directory, left: 0 } : start;
        const inside = countNames(directory.fd, whole, count);
        if (inside === undefined) {
          directory[Symbol.dispose]();
          start.fd[Symbol.dispose]();
          return false;
        }
        for (const inner of inside) {
          from.left++;
          const below = long || path === "." ? inner : joinPath(path, inner);
          waiting.push({ start: from, path: below, whole: joinPath(whole, inner) });
        }
        if (!long || from.left === 0) directory[Symbol.dispose]();
      }
      if (--start.left === 0) start.fd[Symbol.dispose]();
    }
    return true;
  } finally {
    for (const { start } of waiting) start.fd[Symbol.dispose]();
  }
}

/** Counts what is in a directory; gives the names of the directories among it. Undefined when that was too much. */
function countNames(directory: number, whole: LayerPath, count: Count): string[] | undefined {
  const directories: string[] = [];
  for (const name of namesAt(directory)) {
    const stat = lstatSync(within(pathAt(directory), name), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (!count.add(joinPath(whole, name), stat)) return undefined;
    if (stat.isDirectory()) directories.push(name);
  }
  return directories;
}

/** Undefined when it is gone, or no directory any more. */
function openIfThere(start: number, path: LayerPath): OwnedFd | undefined {
  try {
    return openBeneath(start, pathBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, {
      confine: "noLinks",
    });
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}
