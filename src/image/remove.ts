import { Fault } from "../base/fault.ts";
import type { ImageRecord } from "./contract.ts";
import type { Durability } from "./durability.ts";
import { findImage } from "./find.ts";
import { type ImageParts, partsInEach } from "./parts.ts";
import { removeUnused, removeUnusedBlobs, storedFor } from "./sweep.ts";
import { nameUsers, usersOfImage } from "./users.ts";

/**
 * Removes an image under all its names, and what nothing else needs of it: first it can't be found any more,
 * then its layers go from the top. A crash in between leaves what the next start sweeps.
 *
 * @returns the image; undefined when it is not here
 * @throws {Fault} wrongState for one that containers were made from: they must be removed first
 */
export async function removeImage(
  reference: string,
  parts: ImageParts,
  durability: Durability,
  signal: AbortSignal,
): Promise<ImageRecord | undefined> {
  const { store, work } = parts;
  const found = findImage(reference, store.records, store.bootId, parts.registry.candidates);
  if (found === undefined) return undefined;
  refuseUsed(found, reference, parts);
  // Layers that a container keeps will have no record to say after a power cut that they aren't safe.
  const kept = found.layers.some((layer) => store.users.inUse(layer.chainId));
  const isSafe = Object.values(found.unpacked).every(({ durable }) => durable === "synced");
  if (kept && !isSafe) await durability.now();
  {
    using _records = await work.recordLock.hold("records", signal);
    await store.records.delete(found.id);
  }
  // From here on it is removed, whoever still waits.
  const unending = new AbortController().signal;
  const chains = found.layers.map((layer) => layer.chainId).toReversed();
  for (const each of partsInEach(parts))
    if (found.unpacked[each.snapshotter.name] !== undefined) await removeUnused(chains, each, unending);
  await removeUnusedBlobs(storedFor(found), parts);
  return found;
}

function refuseUsed(image: ImageRecord, reference: string, { store }: ImageParts): void {
  const users = usersOfImage(image.id, store.users);
  if (users.length === 0) return;
  throw new Fault("wrongState", `image "${reference}" is in use by ${nameUsers(users)}`, {
    hint: "remove them first; `berth ps -a` lists them",
  });
}
