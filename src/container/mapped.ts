import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { FileChange } from "../linux/contract.ts";
import type { SnapshotMount } from "../snapshot/contract.ts";
import type { ContainerAttempt, ContainerHost } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/**
 * What is on the host seen through the pod's user namespace: bound in the bundle, where only the daemon gets, until the
 * container has it. Nothing stays there, as it would keep volumes busy that are to be taken away when the container has ended.
 */
const snapshotsName = "snapshots";
const stagingName = "staging";

/** The snapshots as a user namespace is to see them. */
export interface ShownSnapshots {
  /** Where the snapshotter's directory is bound. */
  readonly at: string;
  /** Where a file system is mounted before its mount is given the namespace's ids. */
  readonly staging: string;
  /** The file of the user namespace. */
  readonly users: string;
}

/**
 * Does `act` while the snapshots are bound with the ids of the pod's user namespace.
 *
 * @param act gets the place; undefined for a pod without one
 */
export async function withMappedSnapshots(
  record: ContainerRecord,
  { host, pod }: ContainerAttempt,
  act: (shown: ShownSnapshots | undefined) => Promise<void>,
): Promise<void> {
  const users = pod?.namespaces.user;
  if (users === undefined) return await act(undefined);
  const { mapped } = host.paths.container(record.id);
  const [at, staging] = [join(mapped, snapshotsName), join(mapped, stagingName)];
  await host.files.change([
    { change: "makeDirectory", path: mapped, mode: 0o711 },
    ...[at, staging].map((path) => ({ change: "makeDirectory" as const, path, mode: 0o700 })),
  ]);
  const { directory } = host.snapshotters.get(record.snapshotter);
  await host.mounts.bind(directory, at, { idmap: users, propagation: "private" });
  await act({ at, staging, users });
  await unmountMapped(record, host);
}

/** Mounts a snapshot at `target`, with the namespace's ids where its files do not show those already. */
export async function mountShown(
  { type, source, unmapped }: SnapshotMount,
  target: string,
  options: readonly string[],
  shown: ShownSnapshots | undefined,
  mounts: ContainerHost["mounts"],
): Promise<void> {
  if (shown === undefined || unmapped !== true) return await mounts.mount(source, target, type, options);
  if (type === "bind")
    return await mounts.bind(source, target, { idmap: shown.users, readonly: options.includes("ro") });
  await mounts.mount(source, shown.staging, type, options);
  await mounts.bind(shown.staging, target, { idmap: shown.users });
  await mounts.unmount(shown.staging);
}

/** Never a recursive removal: what is bound there is not the container's. */
export async function unmountMapped(
  record: Pick<ContainerRecord, "id">,
  { paths, mounts, files }: Pick<ContainerHost, "paths" | "mounts" | "files">,
): Promise<void> {
  const { mapped } = paths.container(record.id);
  if (!existsSync(mapped)) return;
  const entries = readdirSync(mapped, { withFileTypes: true });
  for (const { name } of entries) await mounts.unmount(join(mapped, name));
  const changes = entries.map((entry): FileChange => {
    const path = join(mapped, entry.name);
    return { change: entry.isDirectory() ? "removeDirectory" : "remove", path };
  });
  await files.change([...changes, { change: "removeDirectory", path: mapped }]);
}
