import { type BigIntStats, lstatSync, mkdirSync, renameSync } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import { AT_FDCWD, utimesAt } from "../../linux/files-at.ts";
import { joinPath, type LayerPath, parentOf } from "../names.ts";
import type { LayerNotes } from "../notes.ts";
import { copyAttributes } from "../tree/copy.ts";
import { removeTree } from "../tree/remove.ts";
import { namesIn } from "../tree/walk.ts";
import { directoryAt, type Found, lookUp, type StackLayer } from "./stack.ts";

interface Times {
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
}

const never: Times = { atimeNs: 0n, mtimeNs: 0n };

/** The layer that is being settled: its tree, the notes on it, and the times that its directories are to have. */
export class OwnLayer implements StackLayer {
  readonly tree: string;
  readonly lowers: readonly StackLayer[];
  readonly implicit: Set<LayerPath>;
  readonly whiteouts: Set<LayerPath>;
  readonly opaque: Set<LayerPath>;
  /** In the order in which they are to be made. */
  links: { path: LayerPath; target: LayerPath }[];
  /** Directories of the stack that were looked up since something was last changed. */
  readonly #found = new Map<LayerPath, Found | undefined>();
  readonly #times = new Map<LayerPath, Times>();

  constructor(tree: string, notes: LayerNotes, lowers: readonly StackLayer[]) {
    this.tree = tree;
    this.lowers = lowers;
    this.implicit = new Set(notes.implicit);
    this.whiteouts = new Set(notes.whiteouts);
    this.opaque = new Set(notes.opaque);
    this.links = [...notes.links];
  }

  hides(path: LayerPath, stat: BigIntStats | undefined): boolean {
    return stat === undefined && this.whiteouts.has(path);
  }

  isOpaque(path: LayerPath): boolean {
    return this.opaque.has(path);
  }

  /** This layer and those below. */
  get stack(): readonly StackLayer[] {
    return [this, ...this.lowers];
  }

  lstat(path: LayerPath): BigIntStats | undefined {
    return lstatSync(within(this.tree, path), { bigint: true, throwIfNoEntry: false });
  }

  /** What the layers below show at `path`, were there nothing of this layer but its directories on the way. */
  below(path: LayerPath) {
    if (path === "") return lookUp(this.lowers, "");
    const parent = this.#directoryAt(parentOf(path));
    return lookUp(parent?.layers.filter((layer) => layer !== this) ?? [], path);
  }

  #directoryAt(path: LayerPath): Found | undefined {
    if (this.#found.has(path)) return this.#found.get(path);
    const found = directoryAt(this.stack, path);
    this.#found.set(path, found);
    return found;
  }

  /** To be called before something in the directory is changed: its times will be as they are now. */
  touch(directory: LayerPath): void {
    this.#found.clear();
    if (this.#times.has(directory)) return;
    const stat = this.lstat(directory);
    if (stat !== undefined) this.#times.set(directory, stat);
  }

  /** Makes a directory of this layer look like the one that the layers below show there, if they show one. */
  imitateBelow(path: LayerPath): void {
    const found = this.below(path);
    const tree = found?.layers[0]?.tree;
    if (found === undefined || tree === undefined || !found.stat.isDirectory()) return;
    copyAttributes(within(tree, path), within(this.tree, path), found.stat);
    this.#times.set(path, found.stat);
  }

  /** Makes the directory, and those above it, that this layer lacks. `path` is free of links. */
  ensureDirectory(path: LayerPath): void {
    if (path === "" || this.lstat(path) !== undefined) return;
    this.ensureDirectory(parentOf(path));
    this.touch(parentOf(path));
    mkdirSync(within(this.tree, path), { mode: 0o755 });
    this.#times.set(path, never);
    if (this.whiteouts.delete(path)) this.opaque.add(path);
    else this.imitateBelow(path);
  }

  /** Moves what is in directory `from` to `to`, another one; what `to` has of its own stays. `from` is gone then. */
  moveInto(from: LayerPath, to: LayerPath): void {
    this.touch(to);
    for (const name of namesIn(this.tree, from)) this.#move(joinPath(from, name), joinPath(to, name));
    this.touch(parentOf(from));
    removeTree(within(this.tree, from));
    for (const set of [this.implicit, this.opaque]) set.delete(from);
    this.#times.delete(from);
    this.#rebase(from, to); // marks that have no file: whiteouts and links
  }

  #move(from: LayerPath, to: LayerPath): void {
    const there = this.lstat(to);
    const directory = this.lstat(from)?.isDirectory() === true;
    if (there === undefined) {
      if (this.whiteouts.delete(to) && directory) this.opaque.add(to);
      renameSync(within(this.tree, from), within(this.tree, to));
      this.#rebase(from, to);
      return;
    }
    if (!directory || !there.isDirectory()) return; // the entry by its own name wins
    if (this.implicit.has(to) && !this.implicit.has(from)) {
      this.implicit.delete(to);
      copyAttributes(within(this.tree, from), within(this.tree, to));
      const times = this.#times.get(from) ?? this.lstat(from);
      if (times !== undefined) this.#times.set(to, times);
    }
    if (this.opaque.has(from)) this.opaque.add(to);
    this.moveInto(from, to);
  }

  /** Gives everything noted at or below `from` its new path. */
  #rebase(from: LayerPath, to: LayerPath): void {
    const renamed = (path: LayerPath) =>
      path === from ? to : path.startsWith(`${from}/`) ? joinPath(to, path.slice(from.length + 1)) : path;
    for (const set of [this.implicit, this.opaque, this.whiteouts])
      for (const path of [...set]) if (renamed(path) !== path && set.delete(path)) set.add(renamed(path));
    for (const [path, times] of [...this.#times])
      if (renamed(path) !== path && this.#times.delete(path)) this.#times.set(renamed(path), times);
    this.links = this.links.map(({ path, target }) => ({ path: renamed(path), target }));
  }

  /** Gives every directory that was touched the times that it had, or took over from below. */
  restoreTimes(): void {
    for (const [path, { atimeNs, mtimeNs }] of this.#times)
      if (this.lstat(path)?.isDirectory() === true)
        utimesAt(AT_FDCWD, within(this.tree, path), { accessed: atimeNs, modified: mtimeNs });
  }

  /** Takes away whatever this layer has at `path`. */
  remove(path: LayerPath): void {
    this.touch(parentOf(path));
    removeTree(within(this.tree, path));
  }
}
