import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync } from "node:fs";

/** Makes a file of so many bytes, none of which take room yet. */
export function makeSparseFile(path: string, bytes: number): void {
  const fd = openSync(path, "wx");
  ftruncateSync(fd, bytes);
  closeSync(fd);
}

/** Makes a disk with an empty ext4 file system. */
export function makeBlankDisk(path: string, bytes: number): void {
  makeSparseFile(path, bytes);
  // All of it now: what the kernel would do later would stand in a recording, among what is looked for.
  const now = "lazy_itable_init=0,lazy_journal_init=0";
  execFileSync("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", now, path]);
}
