import { constants } from "node:fs";
import { open, readFile, realpath } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../base/fault.ts";
import { cString } from "./c-string.ts";
import type { MountEntry, Mounts } from "./contract.ts";
import { closeFd, errnoOf, libc } from "./libc.ts";
import {
  lowerDirectories,
  maxMountData,
  parseMountOptions,
  shortenLowerDirectories,
} from "./mount-options.ts";
import { mountsBelow, parseMountinfo } from "./mountinfo.ts";
import { O_PATH } from "./open-beneath.ts";
import { callOnPool } from "./pool-calls.ts";

const mountCall = libc.func(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umount2 = libc.func("int umount2(const char *target, int flags)");
const openTree = libc.func("syscall", "long", ["long", "int", "const char *", "unsigned int"]);
const mountSetattr = libc.func("syscall", "long", [
  "long",
  "int",
  "const char *",
  "unsigned int",
  "void *",
  "size_t",
]);
const moveMount = libc.func("syscall", "long", [
  "long",
  "int",
  "const char *",
  "int",
  "const char *",
  "unsigned int",
]);

/** The same on every architecture. */
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 0x1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOUNT_ATTR_RDONLY = 0x1n;
const MNT_DETACH = 0x2;
const UMOUNT_NOFOLLOW = 0x8;

/**
 * How often a busy mount is asked again, 10 ms apart, before it is detached from the tree while still in use.
 */
const busyTries = 5;
const busyWaitMs = 10;

/** The kernel's mounts, by calls on the thread pool, in the mount namespace of this process. */
export function hostMounts(): Mounts {
  return { mount, bind, unmount, below };
}

async function mount(
  source: string,
  target: string,
  type: string,
  options: readonly string[],
): Promise<void> {
  const { flags, propagation, data } = parseMountOptions(options);
  const names = [cString(source), cString(target), cString(type)] as const;
  try {
    if (Buffer.byteLength(data) <= maxMountData)
      await callOnPool(mountCall, "mount", target, ...names, flags, cString(data));
    else await mountLongOverlay(names, flags, data);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("internal", `mounting ${type} at ${target}`, { cause: error });
  }
  try {
    for (const kind of propagation)
      await callOnPool(mountCall, "mount", target, null, cString(target), null, kind, null);
  } catch (error) {
    await unmount(target);
    throw new Fault("internal", `setting the propagation of ${target}`, { cause: error });
  }
}

/**
 * An overlay of so many layers that their names do not fit into the page that mount(2) takes: each is opened,
 * and named by its descriptor. The kernel resolves the names during the call, so the descriptors are closed
 * after it; what mountinfo shows for such an overlay are those names.
 */
async function mountLongOverlay(names: readonly unknown[], flags: number, data: string): Promise<void> {
  await using layers = new AsyncDisposableStack();
  const opened = new Map<string, string>();
  const value = /(?:^|,)lowerdir=((?:\\.|[^,\\])*)/s.exec(data)?.[1] ?? "";
  for (const directory of new Set(lowerDirectories(value))) {
    const layer = layers.use(await open(directory, O_PATH | constants.O_DIRECTORY));
    opened.set(directory, `/proc/self/fd/${layer.fd}`);
  }
  const short = shortenLowerDirectories(data, (directory) => opened.get(directory) ?? directory);
  await callOnPool(mountCall, "mount", String(names[1]), ...names, flags, short);
}

/**
 * A bind mount that is never visible without its attributes: it is made aside, set read-only there, and moved
 * into place (Linux 5.12).
 */
async function bind(
  source: string,
  target: string,
  options: { recursive?: boolean; readonly?: boolean } = {},
): Promise<void> {
  const recursive = options.recursive === true ? AT_RECURSIVE : 0;
  try {
    const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive;
    const tree = await callOnPool(
      openTree,
      "open_tree",
      source,
      SYS_open_tree,
      AT_FDCWD,
      cString(source),
      flags,
    );
    using _closed = { [Symbol.dispose]: () => closeFd(tree) };
    if (options.readonly === true) {
      const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n]);
      const at = AT_EMPTY_PATH | recursive;
      const size = attributes.byteLength;
      await callOnPool(
        mountSetattr,
        "mount_setattr",
        source,
        SYS_mount_setattr,
        tree,
        "",
        at,
        attributes,
        size,
      );
    }
    const to = cString(target);
    const how = MOVE_MOUNT_F_EMPTY_PATH;
    await callOnPool(moveMount, "move_mount", target, SYS_move_mount, tree, "", AT_FDCWD, to, how);
  } catch (error) {
    throw new Fault("internal", `binding ${source} to ${target}`, { cause: error });
  }
}

async function unmount(target: string): Promise<void> {
  const path = cString(target);
  for (let tries = 0; ; ) {
    const flags = UMOUNT_NOFOLLOW | (tries < busyTries ? 0 : MNT_DETACH);
    try {
      await callOnPool(umount2, "umount2", target, path, flags);
      tries = 0; // there may be another below it
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EINVAL" || code === "ENOENT" || code === "ENOTDIR") return;
      if (code !== "EBUSY" || tries >= busyTries) {
        throw new Fault("internal", `unmounting ${target}`, { cause: error });
      }
      tries++;
      await sleep(busyWaitMs);
    }
  }
}

async function below(directory: string): Promise<MountEntry[]> {
  const real = await realpath(directory).catch(() => directory);
  return mountsBelow(parseMountinfo(await readFile("/proc/self/mountinfo")), real);
}
