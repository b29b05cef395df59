import { mkdir, rmdir } from "node:fs/promises";
import type { ContainerAttempt } from "./parts.ts";
import { snapshotKey } from "./snapshot.ts";
import type { ContainerRecord } from "./state.ts";

export async function mountRootfs(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  const { rootfs } = host.paths.container(record.id);
  await mkdir(rootfs, { recursive: true, mode: 0o711 });
  for (const mount of await host.snapshotter.mounts(snapshotKey(record.id))) {
    await host.mounts.mount(mount.source, rootfs, mount.type, mount.options);
  }
}

/** Never a recursive removal: should the unmount be incomplete, the container's files are not ours to delete here. */
export async function unmountRootfs(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  const { rootfs, bundle } = host.paths.container(record.id);
  await host.mounts.unmount(rootfs);
  await removeDirectory(rootfs);
  await removeDirectory(bundle);
}

async function removeDirectory(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
