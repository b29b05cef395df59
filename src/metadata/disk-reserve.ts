import { randomFillSync } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Bytes } from "../base/units.ts";
import { isRefused } from "./sqlite-error.ts";

/**
 * Space and inodes beside the database that nothing uses: given back when the disk is full, so that the daemon can start and
 * removals be recorded on it. A full disk is cured by removing pods and images, which is recorded like all else.
 */
const files = 8;
const fileBytes: Bytes = 512 << 10;
/** So much is left to others: what is kept must not be what fills the disk. */
const left: Bytes = 2 << 20;

function directoryOf(database: string): string {
  return `${database}.reserve`;
}

/** Makes what is missing of the reserve, as far as there is room for it. @throws as the file system does */
export function keepReserve(database: string): void {
  const directory = directoryOf(database);
  const missing = Array.from({ length: files }, (_, file) => join(directory, String(file))).filter(
    (path) => !existsSync(path),
  );
  if (missing.length === 0 || !hasRoom(database, fileBytes)) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Zeros would take no space on a file system that compresses.
  const bytes = randomFillSync(Buffer.allocUnsafe(fileBytes));
  for (const path of missing) {
    if (!hasRoom(database, fileBytes)) return;
    try {
      fill(path, bytes);
    } catch (error) {
      rmSync(path, { force: true }); // half of one would count as whole
      throw error;
    }
  }
}

/** True if the disk has so much to spare. */
export function hasRoom(database: string, bytes: Bytes): boolean {
  const { bavail, bsize } = statfsSync(dirname(database));
  return bavail * bsize >= bytes + left;
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

/** Opens the database, which takes some space and two files beside it: on a full disk, those of the reserve. */
export function givenRoom<T>(database: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!isRefused(error) || !releaseReserve(database)) throw error;
    return open();
  }
}
