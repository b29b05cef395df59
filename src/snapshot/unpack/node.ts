import { constants, lstatSync, type Stats } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { pathBytes, shownName, within } from "../../linux/byte-path.ts";
import { chmodAt, chownAt, deviceNumber, mknodAt, symlinkAt, utimesAt } from "../../linux/files-at.ts";
import { errnoOf } from "../../linux/libc.ts";
import { pathAt } from "../../linux/open-beneath.ts";
import type { ByteString, TarEntry } from "../../wire/tar/entry.ts";
import { removeTree } from "../tree/remove.ts";
import { setAttributes, sortAttributes } from "./attributes.ts";
import type { LayerDirectory, LayerTree } from "./layer-tree.ts";

/** A name in a directory of the layer. */
export interface Place {
  readonly directory: LayerDirectory;
  readonly name: ByteString;
}

/** By a path that only leads through the directory's descriptor. */
export function placePath(tree: LayerTree, { directory, name }: Place): string | Buffer {
  return within(pathAt(tree.fd(directory)), name);
}

export function lstatPlace(tree: LayerTree, place: Place): Stats | undefined {
  return lstatSync(placePath(tree, place), { throwIfNoEntry: false });
}

/** Makes the place empty, whatever this layer has put there. True if there was something. */
export function clearPlace(tree: LayerTree, place: Place): boolean {
  const { directory, name } = place;
  const known = directory.children.get(name);
  if (known !== undefined) tree.forget(known);
  return removeTree(placePath(tree, place));
}

/** Runs `make`, which wants an empty place; if it isn't, once more after what stood there was removed. */
export function inPlace(tree: LayerTree, place: Place, make: () => void): void {
  if (!place.directory.children.has(place.name)) {
    try {
      make();
      return;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
  clearPlace(tree, place);
  make();
}

/** Makes a symbolic link, a FIFO or a device, with all its attributes. */
export function makeNode(tree: LayerTree, place: Place, entry: TarEntry): void {
  const at = tree.fd(place.directory);
  const name = pathBytes(place.name);
  if (entry.type === "symbolicLink") symlinkAt(pathBytes(entry.linkName), at, name);
  else if (entry.type === "fifo") mknodAt(at, name, constants.S_IFIFO | 0o600, 0n);
  else mknodAt(at, name, deviceType(entry) | 0o600, deviceNumber(entry.deviceMajor, entry.deviceMinor));
  chownAt(at, name, entry.uid, entry.gid);
  setAttributes(placePath(tree, place), sortAttributes(entry.extendedAttributes).now);
  if (entry.type !== "symbolicLink") chmodAt(at, name, entry.mode);
  setTimes(tree, place, entry);
}

function deviceType(entry: TarEntry): number {
  if (entry.type === "blockDevice") return constants.S_IFBLK;
  if (entry.deviceMajor !== 0 || entry.deviceMinor !== 0) return constants.S_IFCHR;
  const what = "is the device 0/0, by which overlayfs hides files";
  throw new Fault("invalid", `the layer's entry ${shownName(entry.name)} ${what}`);
}

export function setTimes(tree: LayerTree, place: Place, entry: TarEntry): void {
  const accessed = entry.accessed ?? entry.modified;
  utimesAt(tree.fd(place.directory), pathBytes(place.name), { accessed, modified: entry.modified });
}
