import type { BigIntStats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { posix } from "node:path";
import { during, Fault } from "../../base/fault.ts";
import type { OciDevice } from "../../spec/oci-runtime.ts";
import type { FoundDevice, RequestedDevice } from "./input.ts";
import { destinationOf } from "./requested-devices.ts";

/** Directories of /dev that hold no devices of the node, or are other mounts of the container. */
const passedOver = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);
/** Deeper than any driver nests its directory in /dev. */
const maxDepth = 8;

/**
 * The device nodes that each requested device stands for: one, or all of a directory.
 *
 * @throws {Fault} invalid naming the device that is not there or is none
 */
export async function findDevices(requested: readonly RequestedDevice[]): Promise<FoundDevice[]> {
  return Promise.all(requested.map(async (each) => ({ requested: each, nodes: await findNodes(each) })));
}

async function findNodes(requested: RequestedDevice): Promise<OciDevice[]> {
  const { hostPath } = requested;
  const field = `${requested.field}.hostPath`;
  if (!posix.isAbsolute(hostPath))
    throw new Fault("invalid", `${field} "${hostPath}" is not an absolute path`);
  const at = destinationOf(requested);
  try {
    const path = await realpath(hostPath);
    const stats = await stat(path, { bigint: true });
    if (stats.isDirectory()) return await devicesBelow(path, at, 0);
    const device = ociDevice(stats, at);
    if (device !== undefined) return [device];
  } catch (error) {
    throw new Fault("invalid", `${field}: ${hostPath} can't be looked up`, { cause: error });
  }
  throw new Fault("invalid", `${field}: ${hostPath} is neither a device nor a directory of devices`);
}

/** Every device of the node, as privileged containers get them. */
export async function findHostDevices(): Promise<OciDevice[]> {
  try {
    return await devicesBelow("/dev", "/dev", 0);
  } catch (error) {
    throw during("listing the node's devices in /dev", error);
  }
}

async function devicesBelow(
  directory: string,
  containerDirectory: string,
  depth: number,
): Promise<OciDevice[]> {
  if (depth > maxDepth) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry): Promise<OciDevice[]> => {
      const path = posix.join(directory, entry.name);
      const at = posix.join(containerDirectory, entry.name);
      if (entry.isDirectory()) return passedOver.has(entry.name) ? [] : devicesBelow(path, at, depth + 1);
      // The runtime makes the container's console itself.
      if (entry.name === "console" || !(entry.isCharacterDevice() || entry.isBlockDevice())) return [];
      return deviceAt(path, at);
    }),
  );
  return found.flat();
}

async function deviceAt(path: string, at: string): Promise<OciDevice[]> {
  try {
    const device = ociDevice(await lstat(path, { bigint: true }), at);
    return device === undefined ? [] : [device];
  } catch (error) {
    // Unplugged since the directory was read.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The node's device as one at `path` in a container; undefined for what is none. */
export function ociDevice(stats: BigIntStats, path: string): OciDevice | undefined {
  const type = stats.isCharacterDevice()
    ? "c"
    : stats.isBlockDevice()
      ? "b"
      : stats.isFIFO()
        ? "p"
        : undefined;
  if (type === undefined) return undefined;
  return {
    path,
    type,
    // makedev(3): 12 bits of the major and 8 of the minor lie low, the others high.
    major: type === "p" ? 0 : Number(((stats.rdev >> 8n) & 0xfffn) | ((stats.rdev >> 32n) & ~0xfffn)),
    minor: type === "p" ? 0 : Number((stats.rdev & 0xffn) | ((stats.rdev >> 12n) & 0xffffff00n)),
    fileMode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
  };
}
