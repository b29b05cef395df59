import type { PathBytes } from "./c-string.ts";

/*
 * Names and paths of archives need not be UTF-8: they are handled as strings of one character for each byte (latin1).
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: all that UTF-8 and latin1 have in common
const ascii = /^[\x00-\x7f]*$/;

/** As the kernel takes it: a string where that says the same bytes, as it is quicker. */
export function pathBytes(bytes: string): PathBytes {
  return ascii.test(bytes) ? bytes : Buffer.from(bytes, "latin1");
}

/** An absolute path to something in a directory, for calls of Node or ours. `base` is berth's own, in UTF-8. */
export function within(base: string, path: string): string | Buffer {
  if (path === "") return base;
  if (ascii.test(path)) return `${base}/${path}`;
  return Buffer.concat([Buffer.from(`${base}/`), Buffer.from(path, "latin1")]);
}

/** For messages: bytes as the UTF-8 that they nearly always are, quoted. */
export function shownName(bytes: string): string {
  return JSON.stringify(Buffer.from(bytes, "latin1").toString("utf8"));
}
