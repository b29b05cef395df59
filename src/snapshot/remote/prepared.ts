import { Fault, isFault } from "../../base/fault.ts";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";
import type { SnapshotMount } from "../contract.ts";
import type { SnapshotsClient } from "./client.ts";
import { containerKey, viewKey } from "./keys.ts";
import type { Labels } from "./labels.ts";
import { directoriesOf, readMounts } from "./mounts.ts";
import { linkOwnFiles } from "./own-files.ts";

/** A container's snapshot that is to be made. */
interface ContainerRequest {
  readonly key: SnapshotKey;
  readonly parent: ChainId | undefined;
  readonly labels: Labels;
  /** Where a link is to lead to the container's own files. */
  readonly link: string;
}

/** Makes it, or finds it made. @throws {Fault} alreadyExists when it is on another parent; notFound without that */
export async function prepareContainer(
  client: SnapshotsClient,
  { key, parent, labels, link }: ContainerRequest,
): Promise<readonly SnapshotMount[]> {
  let mounts: readonly SnapshotMount[];
  try {
    mounts = readMounts(await client.prepare(containerKey(key), parent, labels));
  } catch (error) {
    if (!isFault(error, "alreadyExists", "notFound")) throw error; // stargz looks for the parent first
    const there = await client.find(containerKey(key));
    if (there === undefined) throw error;
    if (there.parent !== (parent ?? ""))
      throw new Fault(
        "alreadyExists",
        `the snapshot ${key} is there already, on another image: ${there.parent}`,
      );
    mounts = readMounts(await client.mounts(containerKey(key)));
  }
  const found = directoriesOf(mounts);
  if (found !== undefined) await linkOwnFiles(found, link);
  return mounts;
}

/** A layer, read-only. What it takes to view it stays until the layer goes. */
export async function viewLayer(
  client: SnapshotsClient,
  chain: ChainId,
  labels: Labels,
): Promise<readonly SnapshotMount[]> {
  const key = viewKey(chain);
  try {
    return readMounts(await client.view(key, chain, labels));
  } catch (error) {
    if (!isFault(error, "alreadyExists")) throw error;
    return readMounts(await client.mounts(key));
  }
}
