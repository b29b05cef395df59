import type { RootfsMount } from "../runtime/contract.ts";
import { mountShown, unmountMapped, withMappedSnapshots } from "./mapped.ts";
import type { ContainerAttempt } from "./parts.ts";
import { labeled, snapshotKey } from "./snapshot.ts";
import type { ContainerRecord } from "./state.ts";

/** Mounts the container's snapshot in its bundle, with the ids of its pod's user namespace where it has one. */
export async function mountRootfs(record: ContainerRecord, attempt: ContainerAttempt): Promise<void> {
  const { host, pod } = attempt;
  const { rootfs } = host.paths.container(record.id);
  const label = pod && host.spec.mountLabel(record.config, pod);
  await host.files.change([{ change: "makeDirectory", path: rootfs, mode: 0o711 }]);
  await withMappedSnapshots(record, attempt, async (shown) => {
    for (const mount of await host.snapshotters
      .get(record.snapshotter)
      .mounts(snapshotKey(record.id), shown?.at)) {
      await mountShown(mount, rootfs, labeled(mount, label), shown, host.mounts);
    }
  });
}

/**
 * The mounts that the runtime is to make itself, which are unmounted here: those of a device, which a virtual machine has instead
 * of this host, as its file system can't be mounted by two kernels. Undefined: what is mounted here stays so.
 */
export async function handOverRootfs(
  record: ContainerRecord,
  { host }: ContainerAttempt,
): Promise<readonly RootfsMount[] | undefined> {
  if (!host.runtime.takesMounts({ handler: record.handler, pod: record.podId })) return undefined;
  const snapshotter = host.snapshotters.get(record.snapshotter);
  const mounts = await snapshotter.mounts(snapshotKey(record.id));
  if (!mounts.every(({ source }) => source.startsWith("/dev/"))) return undefined;
  await host.mounts.unmount(host.paths.container(record.id).rootfs);
  await snapshotter.lend?.(snapshotKey(record.id));
  return mounts;
}

/** Never a recursive removal: should the unmount be incomplete, the container's files are not ours to delete here. */
export async function unmountRootfs(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  const { rootfs, bundle } = host.paths.container(record.id);
  await unmountMapped(record, host);
  await host.mounts.unmount(rootfs);
  await host.files.change([rootfs, bundle].map((path) => ({ change: "removeDirectory", path })));
}
