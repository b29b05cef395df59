import type { ContainerId, SnapshotKey } from "../base/ids.ts";
import type { ContainerAttempt } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** A container's writable layer has the container's id. */
export function snapshotKey(id: ContainerId): SnapshotKey {
  return id as string as SnapshotKey;
}

export async function prepareSnapshot(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  await host.snapshotter.prepareContainer(snapshotKey(record.id), record.parent);
}

export async function removeSnapshot(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  await host.snapshotter.remove(snapshotKey(record.id));
}
