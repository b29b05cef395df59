import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { mountsBelow, parseMountinfo } from "../../linux/mountinfo.ts";
import { kataShared } from "./kata-books.ts";
import type { Shim } from "./shim.ts";

/**
 * Whether Kata's shim in Rust has left something mounted in what it shares with its machine, as it does of a container that was never
 * started: told to shut down it removes all that is there, the contents of volumes, too (docs/decisions/0453).
 */
export async function hasKataMounts({ group, process }: Pick<Shim, "group" | "process">): Promise<boolean> {
  const mountinfo = await readFile(`/proc/${process.pid}/mountinfo`).catch(() => undefined); // it has gone
  return mountinfo !== undefined && isMountedInto(mountinfo, group);
}

/** @param mountinfo as the shim sees it */
export function isMountedInto(mountinfo: Uint8Array, group: string): boolean {
  return mountsBelow(parseMountinfo(mountinfo), join(kataShared, group, "rw")).length > 0;
}
