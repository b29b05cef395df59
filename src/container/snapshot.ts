import type { ContainerId, SnapshotKey } from "../base/ids.ts";
import type { SnapshotMount } from "../snapshot/contract.ts";
import { ingestOf, unpackChanges } from "./checkpoint/unpack-checkpoint.ts";
import type { ContainerAttempt } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** A container's writable layer has the container's id. */
export function snapshotKey(id: ContainerId): SnapshotKey {
  return id as string as SnapshotKey;
}

/** How a mount of a snapshot is labeled on a host with SELinux. What is bound has the labels of its files. */
export function labeled({ type, options }: SnapshotMount, label: string | undefined): readonly string[] {
  return label === undefined || type === "bind" ? options : [...options, `context="${label}"`];
}

/** Makes the writable layer on the image's layers: empty, or with the changed files of a checkpoint. @throws {Fault} as `Snapshotter.prepareContainer` */
export async function prepareSnapshot(
  record: ContainerRecord,
  attempt: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  const snapshotter = attempt.host.snapshotters.get(record.snapshotter);
  const key = snapshotKey(record.id);
  const users = attempt.pod?.config.security.namespaces.user;
  if (record.restored === undefined) return await snapshotter.prepareContainer(key, record.parent, users);
  const ingest = await unpackChanges(record, record.restored, attempt, signal);
  await snapshotter.prepareChanged(key, record.parent, ingest);
}

/** Removes the writable layer. Succeeds when there is none. */
export async function removeSnapshot(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  const snapshotter = host.snapshotters.get(record.snapshotter);
  if (record.restored !== undefined) await snapshotter.abortLayer(ingestOf(record.id));
  await snapshotter.remove(snapshotKey(record.id));
}
