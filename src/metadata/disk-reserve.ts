import { randomFillSync } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Bytes } from "../base/units.ts";

/**
 * Space and inodes beside the database that nothing uses: given back when the disk is full, so that the daemon can start and
 * removals be recorded on it. A full disk is cured by removing pods and images, which is recorded like all else.
 */
const files = 8;
const fileBytes: Bytes = 512 << 10;
/** A reserve is not taken from a disk that has less left than this, or it would be what fills it. */
const enough: Bytes = 4 * files * fileBytes;

function directoryOf(database: string): string {
  return `${database}.reserve`;
}

/** Makes the reserve, where it is not there and there is room for it. */
export function keepReserve(database: string): void {
  const directory = directoryOf(database);
  if (existsSync(join(directory, String(files - 1)))) return;
  try {
    if (!hasRoom(database)) return;
    // Zeros would take no space on a file system that compresses.
    const bytes = randomFillSync(Buffer.allocUnsafe(fileBytes));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (let file = 0; file < files; file++) fill(join(directory, String(file)), bytes);
  } catch {
    releaseReserve(database); // without one, a full disk is only harder to cure
  }
}

/** True if the disk has so much left that some may be kept in reserve. */
export function hasRoom(database: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(database));
  return bavail * bsize >= enough;
}

function fill(path: string, bytes: Uint8Array): void {
  const file = openSync(path, "w", 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
  } finally {
    closeSync(file);
  }
}

/** Gives the reserve back to the file system. @returns false when there was none, or none can be removed */
export function releaseReserve(database: string): boolean {
  const directory = directoryOf(database);
  try {
    if (!existsSync(directory)) return false;
    rmSync(directory, { recursive: true });
    return true;
  } catch {
    return false;
  }
}
