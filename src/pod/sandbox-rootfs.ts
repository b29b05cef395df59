import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerId, PodSandboxId, SnapshotKey } from "../base/ids.ts";
import type { FileOwner } from "../linux/contract.ts";
import { pauseProgram } from "../linux/pause-program.ts";
import type { RootfsMount } from "../runtime/contract.ts";
import type { PodHost } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";
import { podRoot } from "./user-namespace.ts";

/** The program of a pod's own container, in its root file system. */
export const sandboxProgram = "pause";

/** The pod's own container is one by the pod's id to monitor and runtime. */
export function ownContainerId(id: PodSandboxId): ContainerId {
  return id as string as ContainerId;
}

function snapshotKey(id: PodSandboxId): SnapshotKey {
  return id as string as SnapshotKey;
}

/**
 * What a pod's record says of its sandbox's root file system: it is on a device where containers' are, and the runtime mounts those
 * itself. A virtual machine that is shown no directory (Firecracker's) can have it in no other way.
 *
 * @throws {Fault} unavailable when the snapshotter of such a handler can't work here
 */
export function sandboxDevice(
  pod: PodSandboxId,
  handler: string,
  { runtime, snapshotters }: Pick<PodHost, "runtime" | "snapshotters">,
): Pick<PodSandboxRecord, "sandboxSnapshotter"> {
  if (!runtime.takesMounts({ handler, pod })) return {};
  const name = snapshotters.nameFor(handler);
  return snapshotters.get(name).lend === undefined ? {} : { sandboxSnapshotter: name };
}

/** Makes the root file system of the pod's own container. @returns what its runtime is to mount, where that gets a device */
export async function makeSandboxRootfs(
  { id, config, sandboxSnapshotter }: PodSandboxRecord,
  { paths, mounts, snapshotters }: Pick<PodHost, "paths" | "mounts" | "snapshotters">,
): Promise<readonly RootfsMount[] | undefined> {
  const { rootfs } = paths.container(ownContainerId(id));
  await mkdir(rootfs, { recursive: true, mode: 0o755 });
  if (sandboxSnapshotter === undefined) {
    await fill(rootfs, podRoot(config));
    return undefined;
  }
  const snapshotter = snapshotters.get(sandboxSnapshotter);
  await snapshotter.prepareContainer(snapshotKey(id), undefined);
  const devices = await snapshotter.mounts(snapshotKey(id));
  for (const { type, source, options } of devices) await mounts.mount(source, rootfs, type, options);
  await fill(rootfs, podRoot(config));
  await mounts.unmount(rootfs);
  await snapshotter.lend?.(snapshotKey(id));
  return devices;
}

/** What is in the directory goes with the bundle. */
export async function removeSandboxRootfs(
  { id, sandboxSnapshotter }: PodSandboxRecord,
  { paths, mounts, snapshotters }: Pick<PodHost, "paths" | "mounts" | "snapshotters">,
): Promise<void> {
  if (sandboxSnapshotter === undefined) return;
  await mounts.unmount(paths.container(ownContainerId(id)).rootfs);
  await snapshotters.get(sandboxSnapshotter).remove(snapshotKey(id));
}

/** The runtime adds its devices as the pod's root, and mounts on what is there: it is read-only to it. */
async function fill(rootfs: string, owner: FileOwner | undefined): Promise<void> {
  const directories = ["proc", "dev", "sys", "etc"].map((name) => join(rootfs, name));
  for (const directory of directories) await mkdir(directory, { recursive: true, mode: 0o755 });
  const files = [join(rootfs, "etc/resolv.conf"), join(rootfs, sandboxProgram)];
  for (const file of files) await writeFile(file, "", { mode: 0o755 });
  await writeFile(join(rootfs, sandboxProgram), pauseProgram());
  if (owner === undefined) return;
  for (const path of [rootfs, ...directories, ...files]) await chown(path, owner.uid, owner.gid);
}
