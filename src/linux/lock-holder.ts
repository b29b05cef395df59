import { readFileSync, statSync } from "node:fs";
import { deviceNumber } from "./files-at.ts";

/**
 * The process that holds the lock on a file (flock(2)), without touching the lock. Undefined when none does, or when it
 * is in a pid namespace that can't be seen from here.
 */
export function lockHolder(path: string): number | undefined {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (file === undefined) return undefined;
  for (const line of readFileSync("/proc/locks", "latin1").split("\n")) {
    // "1: FLOCK  ADVISORY  WRITE 1234 fd:00:56789 0 EOF"
    const [, kind, , , pid, where] = line.trim().split(/\s+/);
    const [major, minor, inode] = (where ?? "").split(":");
    if (kind !== "FLOCK" || minor === undefined || inode !== String(file.ino)) continue;
    const device = deviceNumber(Number.parseInt(major ?? "", 16), Number.parseInt(minor ?? "", 16));
    if (device === file.dev && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}
