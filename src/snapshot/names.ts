import type { PathBytes } from "../linux/c-string.ts";
import type { ByteString } from "./tar/entry.ts";

/**
 * A path within a layer: parts joined by `/`, none of them empty, `.` or `..`; `""` is the layer's root. One
 * character for each byte.
 */
export type LayerPath = ByteString;

/** Leaves room for the directory that the layer lies in, so that every path can be given to the kernel whole. */
export const maxLayerPath = 3840;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all that UTF-8 and latin1 have in common
const ascii = /^[\x00-\x7f]*$/;

/** As the kernel takes it: a string where that says the same bytes, as it is quicker. */
export function pathBytes(bytes: ByteString): PathBytes {
  return ascii.test(bytes) ? bytes : Buffer.from(bytes, "latin1");
}

/** An absolute path to something in a layer, for calls of Node or ours. `base` is berth's own, in UTF-8. */
export function within(base: string, path: LayerPath): string | Buffer {
  if (path === "") return base;
  if (ascii.test(path)) return `${base}/${path}`;
  return Buffer.concat([Buffer.from(`${base}/`), Buffer.from(path, "latin1")]);
}

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

/** For messages: bytes as the UTF-8 that they nearly always are, quoted. */
export function shownName(bytes: ByteString): string {
  return JSON.stringify(Buffer.from(bytes, "latin1").toString("utf8"));
}
