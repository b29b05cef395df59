import { join } from "node:path";
import { packFiles } from "../../linux/pack-files.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ContainerHost } from "../parts.ts";
import { snapshotKey } from "../snapshot.ts";
import type { ContainerRecord } from "../state.ts";
import { archiveNames } from "./archive-names.ts";

/**
 * Writes what the container has changed of its image into the checkpoint's work directory: a tar, and what it has
 * deleted. Mount points are passed over: they are made anew.
 */
export async function writeRootfsChanges(
  { id, snapshotter }: ContainerRecord,
  { mounts }: OciConfig,
  host: ContainerHost,
  signal: AbortSignal,
): Promise<void> {
  const { work } = host.paths.checkpoint(id);
  const list = join(work, "changes");
  const except = mounts.map(({ destination }) => Buffer.from(destination.slice(1)).toString("latin1"));
  await using changes = await host.snapshotters.get(snapshotter).changes(snapshotKey(id), { list, except });
  const { directory, deleted } = changes;
  const to = join(work, archiveNames.rootfsDiff);
  await packFiles({ directory, list, to, path: host.config.runtime.path }, host.processes, signal);
  if (deleted.length === 0) return;
  const paths = deleted.map((path) => `/${Buffer.from(path, "latin1").toString("utf8")}`);
  const path = join(work, archiveNames.deletedFiles);
  await host.files.change([{ change: "write", path, text: `${JSON.stringify(paths)}\n`, mode: 0o600 }]);
}
