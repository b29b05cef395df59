import { constants } from "node:fs";
import { open, readFile, realpath } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../base/fault.ts";
import { bind, bindWithin } from "./bind-mount.ts";
import { cString } from "./c-string.ts";
import type { MountEntry, Mounts } from "./contract.ts";
import { errnoOf, libc } from "./libc.ts";
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
const MNT_DETACH = 0x2;
const UMOUNT_NOFOLLOW = 0x8;

/** An overlay without it does the same, and syncs. */
const volatile = "volatile";
/**
 * How the kernel refuses it: EINVAL before Linux 5.10; EIO while the disk has failed a write that nobody was told of yet, as
 * what an overlay was told itself is all that its own syncs go by then.
 */
const volatileRefusals: ReadonlySet<string | undefined> = new Set(["EINVAL", "EIO"]);

/**
 * How often a busy mount is asked again, 10 ms apart, before it is detached from the tree while still in use.
 */
const busyTries = 5;
const busyWaitMs = 10;

/** The kernel's mounts, by calls on the thread pool, in the mount namespace of this process. */
export function hostMounts(): Mounts {
  return { mount, bind, bindWithin, unmount, below };
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
    if (options.includes(volatile) && volatileRefusals.has(errnoOf(error)))
      return await mount(source, target, type, options.toSpliced(options.indexOf(volatile), 1));
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
