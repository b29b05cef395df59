import type { SnapshotUsage } from "../contract.ts";
import { walkTree } from "./walk.ts";

/** What `st_blocks` counts in (stat(2)). */
const blockBytes = 512;

/** What a tree takes on disk; a file with several names counts once. */
export function usageOf(root: string): SnapshotUsage {
  const seen = new Set<bigint>();
  let blocks = 0n;
  let inodes = 0;
  for (const { stat } of walkTree(root)) {
    if (stat.nlink > 1n && !stat.isDirectory()) {
      if (seen.has(stat.ino)) continue;
      seen.add(stat.ino);
    }
    blocks += stat.blocks;
    inodes++;
  }
  return { bytes: Number(blocks) * blockBytes, inodes };
}
