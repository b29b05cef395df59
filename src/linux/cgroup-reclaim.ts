import { constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bytes } from "../base/units.ts";

/**
 * Has the kernel take back so much memory of a v2 group, caches first, as far as that goes without killing anything
 * (kernel: cgroup-v2, memory.reclaim). Does nothing before Linux 5.19. May take seconds, on a thread of Node's pool.
 */
export async function reclaimMemory(directory: string, bytes: Bytes): Promise<void> {
  try {
    await writeFile(join(directory, "memory.reclaim"), String(bytes), { flag: constants.O_WRONLY });
  } catch {
    // Less than that could be taken back, or there is no such file: what the group uses then tells.
  }
}
