import { isFault } from "../base/fault.ts";
import type { ChainId, Digest } from "../base/ids.ts";
import type { ImageRecord } from "./contract.ts";
import { dropOldLeases, leaseOn } from "./leases.ts";
import { type ImageParts, partsInEach, type UnpackParts } from "./parts.ts";
import { imagesIn } from "./record.ts";
import { configDigestOf } from "./resolved.ts";

/**
 * Removes those of `chains` from a snapshotter that no image, no container and nothing in flight counts on. Goes over them again
 * as long as one could be removed: a chain goes only after those on top of it.
 *
 * @param chains those on top first, as far as the caller knows
 */
export async function removeUnused(
  chains: readonly ChainId[],
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<void> {
  let left = chains;
  for (let before = left.length + 1; left.length > 0 && left.length < before; ) {
    before = left.length;
    const stay: ChainId[] = [];
    for (const chain of left) if (!(await removeIfUnused(chain, parts, signal))) stay.push(chain);
    left = stay;
  }
}

/** @returns false when it stands, because something lies on top of it */
async function removeIfUnused(chain: ChainId, parts: UnpackParts, signal: AbortSignal): Promise<boolean> {
  const { store, snapshotter, work, log } = parts;
  using _chain = await work.digestLocks.hold(chain, signal);
  if (work.pins.has(chain) || store.users.inUse(chain)) return true;
  if (namedChains(parts).has(chain) || leaseOn(chain, parts) !== undefined) return true;
  try {
    await snapshotter.remove(chain);
    return true;
  } catch (error) {
    if (isFault(error, "wrongState")) return false;
    log.warn(
      { chain, err: error },
      "a snapshot that nobody needs could not be removed; the next sweep tries again",
    );
    return true;
  }
}

/** Removes the blobs and the lists of files of `digests` that no image and nothing in flight counts on. */
export async function removeUnusedBlobs(digests: Iterable<Digest>, parts: ImageParts): Promise<void> {
  const { store, work } = parts;
  const unending = new AbortController().signal;
  for (const digest of digests) {
    using _blob = await work.digestLocks.hold(digest, unending);
    const needed = [...store.records.values()].some((record) => storedFor(record).includes(digest));
    if (needed || work.pins.has(digest) || leaseOn(digest, parts) !== undefined) continue;
    await store.content.delete(digest);
    await store.fileLists.delete(digest);
  }
}

/** By what digest anything is stored for an image besides its snapshots: its blobs, and the lists of its layers' files. */
export function storedFor(record: ImageRecord): Digest[] {
  return [...blobsOf(record), ...record.layers.map((layer) => layer.diffId)];
}

/** Everything that an image may have in the blob store. */
export function blobsOf(record: ImageRecord): Digest[] {
  return [configDigestOf(record), record.manifest.digest, ...record.layers.map((layer) => layer.blob.digest)];
}

/** The chains that images have in a snapshotter. */
function namedChains(parts: UnpackParts): Set<ChainId> {
  const having = imagesIn(parts.snapshotter.name, parts);
  return new Set(having.flatMap(({ layers }) => layers.map(({ chainId }) => chainId)));
}

/**
 * Removes whatever of images lies on disk without a record. Pulls may run meanwhile.
 *
 * @returns how many snapshots stay that no image names: containers are on them, or pulls bring them
 */
export async function sweepImages(parts: ImageParts, signal: AbortSignal): Promise<number> {
  const { store, log } = parts;
  let left = 0;
  await dropOldLeases(parts);
  for (const each of partsInEach(parts)) {
    try {
      left += await sweepLayers(each, signal);
    } catch (err) {
      if (signal.aborted) throw err;
      log.warn(
        { err, snapshotter: each.snapshotter.name },
        "what nobody needs of its layers is not removed yet",
      );
    }
  }
  const blobs = await store.content.list();
  const partials = await store.content.partials();
  for (const { digest, path } of blobs) if (digest === undefined) await store.content.drop(path);
  await removeUnusedBlobs(
    [
      ...blobs.flatMap(({ digest }) => digest ?? []),
      ...partials.map(({ digest }) => digest),
      ...(await store.fileLists.list()),
    ],
    parts,
  );
  return left;
}

async function sweepLayers(parts: UnpackParts, signal: AbortSignal): Promise<number> {
  const { store, snapshotter } = parts;
  const { committed, ingests } = await snapshotter.list();
  // Each is recorded before it is made, and forgotten after it is gone.
  for (const ingest of ingests)
    if (store.ingests.get(ingest) === undefined && !store.users.hasIngest(ingest))
      await snapshotter.abortLayer(ingest);
  await removeUnused(committed, parts, signal);
  const named = namedChains(parts);
  return (await snapshotter.list()).committed.filter((chain) => !named.has(chain)).length;
}
