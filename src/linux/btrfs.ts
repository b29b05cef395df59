import { statfsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { errnoOf, libc } from "./libc.ts";
import { openDirectory } from "./open-beneath.ts";
import { callOnPool } from "./pool-calls.ts";

const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");

/** linux/btrfs.h; the second versions take names of 4039 bytes. */
const BTRFS_IOC_SNAP_DESTROY = 0x5000940f;
const BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417;
const BTRFS_IOC_SUBVOL_CREATE_V2 = 0x50009418;
const BTRFS_IOC_SUBVOL_SETFLAGS = 0x4008941a;
const BTRFS_SUBVOL_RDONLY = 2n;
const BTRFS_SUPER_MAGIC = 0x9123683e;
/** Every argument that names something is so long. */
const argumentBytes = 4096;

/** In `struct btrfs_ioctl_vol_args` and `…_v2`: where the name begins. */
const nameAt = 8;
const nameAtV2 = 56;

/** True if `path` lies on btrfs. */
export function isOnBtrfs(path: string): boolean {
  return statfsSync(path).type === BTRFS_SUPER_MAGIC;
}

/**
 * Makes an empty subvolume, its root of mode 0755.
 *
 * @throws {SystemCallError}
 */
export async function createSubvolume(path: string): Promise<void> {
  await named("creating a subvolume", BTRFS_IOC_SUBVOL_CREATE_V2, path, Buffer.alloc(nameAtV2));
}

/**
 * Makes a subvolume with all that another one holds; they share what neither changes.
 *
 * @throws {SystemCallError}
 */
export async function snapshotSubvolume(source: string, path: string): Promise<void> {
  using from = openDirectory(source);
  const head = Buffer.alloc(nameAtV2);
  head.writeBigInt64LE(BigInt(from.fd), 0);
  await named("making a snapshot", BTRFS_IOC_SNAP_CREATE_V2, path, head);
}

/** Has nothing changed in the subvolume any more. @throws {SystemCallError} */
export async function sealSubvolume(path: string): Promise<void> {
  using subvolume = openDirectory(path);
  const flags = Buffer.alloc(8);
  flags.writeBigUInt64LE(BTRFS_SUBVOL_RDONLY);
  await callOnPool(ioctl, "sealing a subvolume", path, subvolume.fd, BTRFS_IOC_SUBVOL_SETFLAGS, flags);
}

/**
 * Removes a subvolume with all that it holds; its space comes back a little later.
 *
 * @returns false when it holds subvolumes of its own, which must go first
 * @throws {SystemCallError}
 */
export async function destroySubvolume(path: string): Promise<boolean> {
  try {
    await named("removing a subvolume", BTRFS_IOC_SNAP_DESTROY, path, Buffer.alloc(nameAt));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOTEMPTY") return false;
    throw error;
  }
}

async function named(what: string, request: number, path: string, head: Buffer): Promise<void> {
  using parent = openDirectory(dirname(path));
  const argument = Buffer.alloc(argumentBytes);
  head.copy(argument);
  argument.write(basename(path), head.length);
  await callOnPool(ioctl, what, path, parent.fd, request, argument);
}
