import { dirname } from "node:path";
import type { SnapshotsClient } from "./client.ts";
import { newLayerKey } from "./keys.ts";
import type { Labels } from "./labels.ts";
import { directoriesOf, readMounts } from "./mounts.ts";

/** Where on this host a new snapshot's files would lie, by one that is made and removed; undefined when that is a device. */
export async function findFiles(client: SnapshotsClient, labels: Labels): Promise<string | undefined> {
  const key = newLayerKey();
  const mounts = await client.prepare(key, undefined, labels);
  await client.remove(key);
  const own = directoriesOf(readMounts(mounts))?.own;
  // The snapshot's directory, or what is in it, has gone; what holds all of them stays.
  return own === undefined || own.startsWith("/dev/") ? undefined : dirname(dirname(own));
}
