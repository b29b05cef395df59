import { execFileSync } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type DiskType = "ext4" | "xfs" | "btrfs";

/** What mkfs wants at least, and quickly. */
const bytes = 419_430_400;
const flags: Readonly<Record<DiskType, readonly string[]>> = {
  ext4: ["-q", "-F"],
  xfs: ["-q", "-f"],
  btrfs: ["-q", "-f"],
};

/** Why there can be no such disk here, or undefined. */
export function noDisk(type: DiskType): string | undefined {
  if (process.getuid?.() !== 0) return "NOT RUN: disks need root";
  return existsSync(`/sbin/mkfs.${type}`) ? undefined : `NOT RUN: mkfs.${type} is not installed`;
}

/** A disk in a file, mounted at `directory` until it is disposed of. */
export class LoopDisk implements Disposable {
  readonly directory: string;
  readonly #above: string;

  constructor(type: DiskType) {
    this.#above = mkdtempSync(join(tmpdir(), "berth-disk-"));
    this.directory = join(this.#above, "mounted");
    mkdirSync(this.directory);
    const file = join(this.#above, "disk");
    const fd = openSync(file, "wx");
    ftruncateSync(fd, bytes);
    closeSync(fd);
    execFileSync(`/sbin/mkfs.${type}`, [...flags[type], file], { stdio: "pipe" });
    execFileSync("/bin/mount", ["-o", "loop", file, this.directory], { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    execFileSync("/bin/umount", [this.directory], { stdio: "pipe" });
    rmSync(this.#above, { recursive: true });
  }
}
