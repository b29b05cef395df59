import { existsSync } from "node:fs";
import type { ContainerHost } from "../parts.ts";
import type { ContainerRecord } from "../state.ts";

/**
 * Takes away what a container has of a checkpoint on disk, one written or one to go on from, and lets it go on, should
 * it stand still. A log that was brought stays, as those of all containers.
 */
export async function removeCheckpoint(
  { id, cgroup }: ContainerRecord,
  { host }: { readonly host: ContainerHost },
): Promise<void> {
  const { directory } = host.paths.checkpoint(id);
  if (!existsSync(directory)) return;
  await host.cgroups.thaw(cgroup);
  await host.files.change([{ change: "removeTree", path: directory }]);
}
