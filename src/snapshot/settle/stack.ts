import { type BigIntStats, constants, lstatSync, readlinkSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { shownName, within } from "../../linux/byte-path.ts";
import { getExtendedAttribute } from "../../linux/extended-attributes.ts";
import type { ByteString } from "../../wire/tar/entry.ts";
import { joinPath, type LayerPath, parentOf } from "../names.ts";

/** One layer as the stack sees it: a tree, and what it hides of those below. */
export interface StackLayer {
  readonly tree: string;
  /** True if the layer hides what lies below at `path`; `stat` is what it has there itself. */
  hides(path: LayerPath, stat: BigIntStats | undefined): boolean;
  /** True if nothing of the layers below shows in this layer's directory `path`. */
  isOpaque(path: LayerPath): boolean;
}

/** What stands at a path of the stack. */
export interface Found {
  readonly path: LayerPath;
  /** Of the uppermost layer that has it. */
  readonly stat: BigIntStats;
  /** The layers that have it, uppermost first: one, but for a directory that several make up. */
  readonly layers: readonly StackLayer[];
}

export const opaqueAttribute = "trusted.overlay.opaque";

function isWhiteout(stat: BigIntStats): boolean {
  return stat.rdev === 0n && (Number(stat.mode) & constants.S_IFMT) === constants.S_IFCHR;
}

/** A committed layer as overlayfs mounts it (kernel: Documentation/filesystems/overlayfs.rst). */
export function overlayLayer(tree: string): StackLayer {
  return {
    tree,
    hides: (_path, stat) => stat !== undefined && isWhiteout(stat),
    isOpaque: (path) => getExtendedAttribute(within(tree, path), opaqueAttribute)?.[0] === 0x79,
  };
}

/** A whole tree: nothing below. */
export function wholeTree(tree: string): StackLayer {
  return { tree, hides: () => false, isOpaque: () => true };
}

/** Looks up `path` in layers that all make up its parent directory. */
export function lookUp(layers: readonly StackLayer[], path: LayerPath): Found | undefined {
  let top: BigIntStats | undefined;
  const having: StackLayer[] = [];
  for (const layer of layers) {
    const stat = lstatSync(within(layer.tree, path), { bigint: true, throwIfNoEntry: false });
    if (layer.hides(path, stat)) break;
    if (stat === undefined) continue;
    if (!stat.isDirectory()) {
      if (top === undefined) return { path, stat, layers: [layer] };
      break;
    }
    top ??= stat;
    having.push(layer);
    if (layer.isOpaque(path)) break;
  }
  return top === undefined ? undefined : { path, stat: top, layers: having };
}

/** The directory at `path`, no links followed; undefined when there is none. */
export function directoryAt(layers: readonly StackLayer[], path: LayerPath): Found | undefined {
  let found = lookUp(layers, "");
  if (path === "") return found;
  let at = "";
  for (const part of path.split("/")) {
    if (found === undefined || !found.stat.isDirectory()) return undefined;
    at = joinPath(at, part);
    found = lookUp(found.layers, at);
  }
  return found?.stat.isDirectory() === true ? found : undefined;
}

const maxLinks = 40;

/**
 * Where `path` leads in the stack, all links followed as in a chroot: `/` and `..` stop at the stack's root. What is
 * missing on the way stands for a directory that can be made.
 *
 * @param from the directory that a relative path starts at, itself free of links
 * @throws {Fault} invalid when a file stands in the way, or links go round in circles
 */
export function resolveDirectory(
  layers: readonly StackLayer[],
  from: LayerPath,
  path: ByteString,
): LayerPath {
  let at = path.startsWith("/") ? "" : from;
  const ahead = path.split("/").toReversed();
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = parentOf(at);
      continue;
    }
    const here = directoryAt(layers, at);
    const next = joinPath(at, part);
    const found = here === undefined ? undefined : lookUp(here.layers, next);
    if (found?.stat.isSymbolicLink() === true) {
      const link = readlinkSync(within(found.layers[0]?.tree ?? "", next), "latin1");
      if (++links > maxLinks) throw new Fault("invalid", `links go round in circles at ${shownName(next)}`);
      if (link.startsWith("/")) at = "";
      ahead.push(...link.split("/").toReversed());
    } else if (found === undefined || found.stat.isDirectory()) at = next;
    else throw new Fault("invalid", `${shownName(next)} is needed as a directory, but is a file`);
  }
  return at;
}
