import { lstatSync, mkdirSync } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import { AT_FDCWD, linkAt } from "../../linux/files-at.ts";
import { joinPath, type LayerPath } from "../names.ts";
import { copyAttributes, copyNode } from "../tree/copy.ts";
import { removeTree } from "../tree/remove.ts";
import { namesIn, walkTree } from "../tree/walk.ts";
import type { OwnLayer } from "./own-layer.ts";

/**
 * Changes a whole tree, which nobody else has, as the layer says. The layer's files are copied, by reference where the disk
 * can: they may lie on another one.
 */
export function applyOnto(own: OwnLayer, whole: string): void {
  const clear = (path: LayerPath) => removeTree(within(whole, path));
  // Only what was found without following links: a link of the parent's may lead anywhere on the host.
  const hidden = [...own.whiteouts].filter((path) => own.below(path) !== undefined);
  const emptied = [...own.opaque].filter((path) => own.below(path)?.stat.isDirectory() === true);
  for (const path of hidden) clear(path);
  for (const path of emptied) for (const name of namesIn(whole, path)) clear(joinPath(path, name));
  const copied = new Map<bigint, string | Buffer>();
  const directories: Parameters<typeof copyAttributes>[] = [];
  for (const { path, stat } of walkTree(own.tree)) {
    const [from, to] = [within(own.tree, path), within(whole, path)];
    const there = lstatSync(to, { throwIfNoEntry: false });
    if (stat.isDirectory()) {
      if (there !== undefined && !there.isDirectory()) clear(path);
      if (there?.isDirectory() !== true) mkdirSync(to, { mode: 0o700 });
      directories.push([from, to, stat]);
      continue;
    }
    if (there !== undefined) clear(path);
    const before = copied.get(stat.ino);
    if (before !== undefined) linkAt(AT_FDCWD, before, AT_FDCWD, to);
    else copyNode(from, to, stat);
    if (stat.nlink > 1n) copied.set(stat.ino, to);
  }
  for (const [from, to, stat] of directories.toReversed()) copyAttributes(from, to, stat);
}
