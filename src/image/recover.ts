import type { ChainId } from "../base/ids.ts";
import type { ImageRecord } from "./contract.ts";
import { leaseRest } from "./leases.ts";
import { type ImageParts, layerKey, partsInEach, type UnpackParts } from "./parts.ts";
import { imagesIn, isUnpacked } from "./record.ts";
import { sweepImages } from "./sweep.ts";

/** An image that is no longer in a snapshotter. */
export interface LostImage {
  readonly record: ImageRecord;
  /** Undefined when the settings no longer name it. */
  readonly snapshotter: string | undefined;
}

/**
 * Puts right what the last daemon left, at start, before anything is pulled or created: layers that were
 * being unpacked are dropped, images that a power cut may have damaged are forgotten, and what lies on disk
 * without a record goes.
 *
 * @returns the images that were dropped: not durable yet when the host went down, not whole any more, or in a snapshotter
 * that is not used any more
 */
export async function recoverImages(parts: ImageParts, signal: AbortSignal): Promise<LostImage[]> {
  const { mounts, directory } = parts.checking;
  for (const { target } of await mounts.below(directory)) await mounts.unmount(target);
  await inEach(parts, signal, dropIngests);
  const dropped = await dropUntrusted(parts, signal);
  await inEach(parts, signal, async (each) => {
    const { name: snapshotter } = each.snapshotter;
    dropped.push(...(await dropIncomplete(each, signal)).map((record) => ({ record, snapshotter })));
  });
  await sweepImages(parts, signal);
  return dropped;
}

/** A snapshotter that fails, as one in a process of its own may, keeps neither the others nor the daemon from starting. */
async function inEach(
  parts: ImageParts,
  signal: AbortSignal,
  act: (parts: UnpackParts) => Promise<void>,
): Promise<void> {
  for (const each of partsInEach(parts)) {
    try {
      await act(each);
    } catch (err) {
      if (signal.aborted) throw err;
      parts.log.warn({ err, snapshotter: each.snapshotter.name }, "its images are not put right yet");
    }
  }
}

/** Those that nothing is at work on: a snapshotter may be put right long after the start, when it answers at last. */
async function dropIngests(parts: UnpackParts): Promise<void> {
  const { store, snapshotter, work } = parts;
  const { ingests } = await snapshotter.list(); // first: what is listed was recorded before
  const recorded = [...store.ingests.values()].filter((record) => record.snapshotter === snapshotter.name);
  const inWork = recorded.filter(({ chainId }) => work.layers.has(layerKey(chainId, parts)));
  const left = new Set([...ingests, ...recorded.map(({ ingest }) => ingest)]);
  for (const ingest of left.difference(new Set(inWork.map((record) => record.ingest)))) {
    if (store.users.hasIngest(ingest)) continue;
    await snapshotter.abortLayer(ingest);
    await store.ingests.delete(ingest);
  }
}

/**
 * Drops every image of another boot that no sync has covered, with those of its layers that no synced image
 * has. The containers on them are of that boot, too: dead, and their writable layers lie on what can't be
 * relied on. What images have in a snapshotter that the settings no longer name is forgotten as well.
 *
 * An image of which a layer can't be removed keeps its record: it is shown to nobody, and tells its layers as
 * doubtful.
 */
export async function dropUntrusted(parts: ImageParts, signal: AbortSignal): Promise<LostImage[]> {
  using _records = await parts.work.recordLock.hold("records", signal);
  const names = new Set([...parts.store.records.values()].flatMap(({ unpacked }) => Object.keys(unpacked)));
  const lost: LostImage[] = [];
  for (const name of names) {
    const dropped = await dropIn(name, parts);
    for (const record of dropped.records) {
      await forget(record, name, dropped.why, parts);
      lost.push({ record, snapshotter: dropped.why === "unused" ? undefined : name });
    }
  }
  return lost;
}

/** What the records are to forget of a snapshotter: those that were dropped, or all. */
async function dropIn(
  name: string,
  parts: ImageParts,
): Promise<{ records: readonly ImageRecord[]; why: "damaged" | "unused" }> {
  const { snapshotters, bootId } = parts.store;
  const having = imagesIn(name, parts);
  if (!snapshotters.probes().some((probe) => probe.name === name)) return { records: having, why: "unused" };
  const snapshotter = snapshotters.all().find((each) => each.name === name);
  if (snapshotter === undefined) return { records: [], why: "damaged" }; // it may work again
  const { trusted = [], untrusted = [] } = Object.groupBy(having, (record) =>
    isUnpacked(record, name, bootId) ? "trusted" : "untrusted",
  );
  const sound = new Set(trusted.flatMap(chainsOf));
  const doubtful = untrusted.flatMap(chainsOf).filter((chain) => !sound.has(chain));
  const left = await removeAll(doubtful.reverse(), { ...parts, snapshotter });
  const dropped = untrusted.filter((record) => !chainsOf(record).some((chain) => left.has(chain)));
  return { records: dropped, why: "damaged" };
}

async function forget(
  { id, tags }: ImageRecord,
  snapshotter: string,
  why: keyof typeof reasons,
  { store, log }: ImageParts,
): Promise<void> {
  const record = store.records.get(id);
  if (record === undefined) return;
  const { [snapshotter]: _gone, ...unpacked } = record.unpacked;
  if (Object.keys(unpacked).length === 0) await store.records.delete(id);
  else await store.records.put(id, { ...record, unpacked });
  log.warn(
    { imageId: id, tags, snapshotter },
    `${reasons[why]}: the image is dropped, and can be pulled again`,
  );
}

const reasons = {
  damaged: "the host went down before this image was safely on disk",
  unused: "the settings no longer name the snapshotter that has this image",
  incomplete: "a layer of this image is not on disk any more",
} as const;

/**
 * Drops images of which a layer is not in its snapshotter any more: taken away by hand, by a repair of the file system, or
 * in a repair of the layer that did not get through. Their other layers wait for the next pull for a while.
 */
export async function dropIncomplete(parts: UnpackParts, signal: AbortSignal): Promise<ImageRecord[]> {
  const { snapshotter, work } = parts;
  using _records = await work.recordLock.hold("records", signal);
  const having = imagesIn(snapshotter.name, parts);
  const missing = new Set(having.flatMap(chainsOf)).difference(new Set((await snapshotter.list()).committed));
  // What somebody else committed is not listed.
  for (const chain of missing) if (await snapshotter.has(chain)) missing.delete(chain);
  const incomplete = having.filter((record) => chainsOf(record).some((chain) => missing.has(chain)));
  for (const record of incomplete) {
    await leaseRest(record, parts);
    await forget(record, snapshotter.name, "incomplete", parts);
  }
  return incomplete;
}

/** Chains that are on disk, but may be damaged: those of the images that `dropUntrusted` could not drop. */
export function doubtfulChains(parts: UnpackParts): Set<ChainId> {
  const { name } = parts.snapshotter;
  const doubtful = imagesIn(name, parts).filter((record) => !isUnpacked(record, name, parts.store.bootId));
  return new Set(doubtful.flatMap(chainsOf));
}

function chainsOf(record: ImageRecord): ChainId[] {
  return record.layers.map((layer) => layer.chainId);
}

/**
 * Removes snapshots and the containers' on them, in several passes: children first.
 *
 * @returns those that stay
 */
async function removeAll(
  chains: readonly ChainId[],
  { store, snapshotter, log }: UnpackParts,
): Promise<Set<ChainId>> {
  const left = new Set(chains);
  const reasons = new Map<ChainId, unknown>();
  for (let before = left.size + 1; left.size > 0 && left.size < before; ) {
    before = left.size;
    for (const chain of left) {
      try {
        for (const key of store.users.snapshotsOn(chain)) await snapshotter.remove(key);
        await snapshotter.remove(chain);
        left.delete(chain);
      } catch (err) {
        reasons.set(chain, err);
      }
    }
  }
  for (const chain of left)
    log.warn({ err: reasons.get(chain), chain }, "a layer that may be damaged can't be removed yet");
  return left;
}
