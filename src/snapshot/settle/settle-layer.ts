import { readlinkSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { shownName, within } from "../../linux/byte-path.ts";
import { AT_FDCWD, linkAt } from "../../linux/files-at.ts";
import type { SnapshotUsage } from "../contract.ts";
import { joinPath, type LayerPath, nameOf, parentOf } from "../names.ts";
import { readNotes, treeOf } from "../notes.ts";
import { copyNode } from "../tree/copy.ts";
import { usageOf } from "../tree/usage.ts";
import type { ApplyRequest, SettleRequest } from "../worker/protocol.ts";
import { applyOnto } from "./apply-onto.ts";
import { markForOverlay } from "./mark-for-overlay.ts";
import { mergeOntoParent } from "./merge-onto-parent.ts";
import { OwnLayer } from "./own-layer.ts";
import { overlayLayer, resolveDirectory, type StackLayer, wholeTree } from "./stack.ts";

/**
 * Puts right what an unpacked layer took for granted from the layers below, and puts its tree in the shape in which
 * the snapshotter mounts it. Afterwards the ingest only waits for its name.
 *
 * @throws {Fault} invalid: a hard link to what is nowhere, a path through a file; exhausted
 */
export function settleLayer({ kind, directory, lowers }: SettleRequest): SnapshotUsage {
  const own = settle(directory, lowers.map(kind === "overlay" ? overlayLayer : wholeTree));
  if (kind === "overlay") markForOverlay(own);
  else own.restoreTimes();
  const parent = lowers[0];
  if (kind === "native" && parent !== undefined) mergeOntoParent(own, parent, directory);
  return usageOf(own.tree);
}

/**
 * Puts an unpacked layer onto the tree of its parent, of which this is a copy.
 *
 * @returns what the layer's own files take
 * @throws {Fault} as `settleLayer`
 */
export function applyLayer({ directory, onto, isEmpty }: ApplyRequest): SnapshotUsage {
  const own = settle(directory, isEmpty ? [] : [wholeTree(onto)]);
  own.restoreTimes();
  applyOnto(own, onto);
  return usageOf(own.tree);
}

function settle(directory: string, lowers: readonly StackLayer[]): OwnLayer {
  const own = new OwnLayer(treeOf(directory), readNotes(directory), lowers);
  settleImplicit(own);
  for (const link of own.links) makeLink(own, link.path, link.target);
  return own;
}

/**
 * Directories that no entry of the layer speaks of look as in the layers below. Where those have a link instead, what
 * the layer wrote belongs where the link leads.
 */
function settleImplicit(own: OwnLayer): void {
  // Paths that a move brings are added to the end, and so are visited too.
  for (const path of own.implicit) {
    const found = own.below(path);
    const tree = found?.layers[0]?.tree;
    if (tree === undefined) continue;
    if (found?.stat.isSymbolicLink() === true)
      moveBehindLink(own, path, readlinkSync(within(tree, path), "latin1"));
    else own.imitateBelow(path);
  }
}

function moveBehindLink(own: OwnLayer, path: LayerPath, link: string): void {
  const to = resolveDirectory(own.stack, parentOf(path), link);
  if (to === path || to.startsWith(`${path}/`))
    throw new Fault("invalid", `the link at ${shownName(path)}, in a layer below, leads to itself`);
  own.ensureDirectory(to);
  own.moveInto(path, to);
}

/** A new name for a file of the layers below: as overlayfs does, the file comes up into this layer first. */
function makeLink(own: OwnLayer, path: LayerPath, target: LayerPath): void {
  const directory = resolveDirectory(own.stack, "", parentOf(target));
  const at = joinPath(directory, nameOf(target));
  if (own.lstat(at) === undefined) bringUp(own, at, path);
  if (own.lstat(at)?.isDirectory() === true)
    throw new Fault("invalid", `the layer's entry ${shownName(path)} is a hard link to a directory`);
  if (at === path) return;
  own.remove(path);
  linkAt(AT_FDCWD, within(own.tree, at), AT_FDCWD, within(own.tree, path));
}

function bringUp(own: OwnLayer, path: LayerPath, link: LayerPath): void {
  const found = own.whiteouts.has(path) ? undefined : own.below(path);
  const tree = found?.layers[0]?.tree;
  const what = `the layer's entry ${shownName(link)} is a hard link to ${shownName(path)}`;
  if (found === undefined || tree === undefined)
    throw new Fault("invalid", `${what}, which neither the layer nor those below have`);
  if (found.stat.isDirectory()) throw new Fault("invalid", `${what}, a directory`);
  own.ensureDirectory(parentOf(path));
  own.touch(parentOf(path));
  copyNode(within(tree, path), within(own.tree, path), found.stat);
}
