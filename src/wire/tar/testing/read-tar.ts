import assert from "node:assert/strict";
import { isFault } from "../../../base/fault.ts";
import type { TarEntry } from "../entry.ts";
import { TarReader } from "../read.ts";

/** A member, whole. */
export interface ReadMember extends TarEntry {
  content: Buffer;
}

/** Reads a tar in chunks of `step` bytes. */
export function readTar(tar: Uint8Array, step = tar.length): ReadMember[] {
  const found: ReadMember[] = [];
  let last: ReadMember | undefined;
  const reader = new TarReader({
    entry(entry) {
      assert.ok(entry.size < 1e7);
      last = { ...entry, content: Buffer.alloc(entry.size) };
    },
    data: (chunk, offset) => last?.content.set(chunk, offset),
    entryEnd() {
      if (last !== undefined) found.push(last);
    },
  });
  for (let at = 0; at < tar.length; at += step) reader.push(tar.subarray(at, at + step));
  reader.end();
  return found;
}

/** For `assert.throws`: that a tar is refused for `what`. */
export const corrupt = (what: RegExp) => (error: unknown) =>
  isFault(error, "corrupt") && what.test(error.message);
