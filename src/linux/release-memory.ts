import { readFileSync, readlinkSync } from "node:fs";
import { libc } from "./libc.ts";

const mallocTrim = libc.func("int malloc_trim(size_t pad)");
const madvise = libc.func("int madvise(uintptr_t start, size_t length, int advice)");
const MADV_DONTNEED = 4;

/** A part of this process's address space. */
export interface Mapping {
  readonly start: bigint;
  readonly length: bigint;
}

/**
 * Gives back to the kernel what this process holds and doesn't use: free memory of the C library, and the pages of
 * Node's own program, of which most are touched by the start alone. Those stay in the page cache, where the kernel can
 * drop them; what is used again is mapped again, 16 pages at a time. Takes some milliseconds.
 */
export function releaseMemory(): void {
  mallocTrim(0);
  // Where the kernel refuses (pages that are locked in memory), they stay.
  for (const { start, length } of ownProgram()) madvise(start, length, MADV_DONTNEED);
}

let program: readonly Mapping[] | undefined;

/** Looked up once: a program's mappings don't move. */
function ownProgram(): readonly Mapping[] {
  // As smaps names it, also when the file was replaced by an upgrade meanwhile.
  program ??= cleanMappingsOf(readFileSync("/proc/self/smaps", "latin1"), readlinkSync("/proc/self/exe"));
  return program;
}

/**
 * The mappings of a file that no page of was ever written to (proc(5), smaps), so that the file has all that is in them.
 * Others lose what was written when they are let go: addresses that the loader put in, for one.
 */
export function cleanMappingsOf(smaps: string, file: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const text of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, from = "", to = "", access = "", path = ""] =
      /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ +(.*)$/m.exec(text) ?? [];
    const clean = /^Anonymous: +0 kB$/m.test(text) && /^Private_Dirty: +0 kB$/m.test(text);
    if (path !== file || access[1] === "w" || !clean) continue;
    const start = BigInt(`0x${from}`);
    mappings.push({ start, length: BigInt(`0x${to}`) - start });
  }
  return mappings;
}
