import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { FileChange } from "../linux/contract.ts";
import type { ContainerAttempt, ContainerHost } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/**
 * What is on the host seen through the pod's user namespace: bound in the bundle, where only the daemon gets, until the
 * container has it. Nothing stays there, as it would keep volumes busy that are to be taken away when the container has ended.
 */
const snapshotsName = "snapshots";

/**
 * Does `act` while the snapshots are bound with the ids of the pod's user namespace.
 *
 * @param act gets the place; undefined for a pod without one
 */
export async function withMappedSnapshots(
  record: ContainerRecord,
  { host, pod }: ContainerAttempt,
  act: (at: string | undefined) => Promise<void>,
): Promise<void> {
  const users = pod?.namespaces.user;
  if (users === undefined) return await act(undefined);
  const { mapped } = host.paths.container(record.id);
  const at = join(mapped, snapshotsName);
  await host.files.change([
    { change: "makeDirectory", path: mapped, mode: 0o711 },
    { change: "makeDirectory", path: at, mode: 0o700 },
  ]);
  await host.mounts.bind(host.snapshotter.directory, at, { idmap: users, propagation: "private" });
  await act(at);
  await unmountMapped(record, host);
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
