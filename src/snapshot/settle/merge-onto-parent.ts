import { lstatSync, renameSync } from "node:fs";
import { join } from "node:path";
import { within } from "../../linux/byte-path.ts";
import { joinPath, type LayerPath } from "../names.ts";
import { copyAttributes, copyTree } from "../tree/copy.ts";
import { removeTree } from "../tree/remove.ts";
import { namesIn, walkTree } from "../tree/walk.ts";
import type { OwnLayer } from "./own-layer.ts";

/**
 * Makes the layer's tree whole: the parent's, changed as the layer says. Unchanged files are further names of the
 * parent's inodes, so nothing here may change a file in place.
 */
export function mergeOntoParent(own: OwnLayer, parent: string, ingest: string): void {
  const whole = join(ingest, "n");
  removeTree(whole); // of an attempt that was cut off
  copyTree(parent, whole, true);
  const clear = (path: LayerPath) => removeTree(within(whole, path));
  // Only what was found without following links: a link of the parent's may lead anywhere on the host.
  for (const path of own.whiteouts) if (own.below(path) !== undefined) clear(path);
  for (const path of own.opaque)
    if (own.below(path)?.stat.isDirectory() === true)
      for (const name of namesIn(whole, path)) clear(joinPath(path, name));
  const merged: Parameters<typeof copyAttributes>[] = [];
  for (const { path, stat } of walkTree(own.tree)) {
    const [from, to] = [within(own.tree, path), within(whole, path)];
    const there = lstatSync(to, { throwIfNoEntry: false });
    if (stat.isDirectory() && there?.isDirectory() === true) {
      merged.push([from, to, stat]);
      continue;
    }
    if (there?.isDirectory() === true || stat.isDirectory()) clear(path);
    renameSync(from, to); // of a directory: the walk finds nothing in it then
  }
  for (const [from, to, stat] of merged.toReversed()) copyAttributes(from, to, stat);
  removeTree(own.tree);
  renameSync(whole, own.tree);
}
