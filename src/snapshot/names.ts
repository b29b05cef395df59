import type { ByteString } from "../wire/tar/entry.ts";

/**
 * A path within a layer: parts joined by `/`, none of them empty, `.` or `..`; `""` is the layer's root. One
 * character for each byte.
 */
export type LayerPath = ByteString;

/** Leaves room for the directory that the layer lies in, so that every path can be given to the kernel whole. */
export const maxLayerPath = 3840;

export function joinPath(directory: LayerPath, name: ByteString): LayerPath {
  return directory === "" ? name : `${directory}/${name}`;
}

/** The directory that holds `path`; the root's is the root. */
export function parentOf(path: LayerPath): LayerPath {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function nameOf(path: LayerPath): ByteString {
  return path.slice(path.lastIndexOf("/") + 1);
}
