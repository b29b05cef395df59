import type { BootId, ImageId } from "../base/ids.ts";
import { nowNanos } from "../base/units.ts";
import type { SnapshotUsage } from "../snapshot/contract.ts";
import type { ImageLayer, ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";
import { withPin } from "./pinned.ts";
import type { ResolvedImage } from "./resolve.ts";

/** The names under which an image is to be found. */
export interface ImageNames {
  readonly tags: readonly string[];
  readonly digests: readonly string[];
}

/** The record of an image whose layers are all here. */
export function newImageRecord(
  image: ResolvedImage,
  usages: readonly SnapshotUsage[],
  names: ImageNames,
  { store, pinned }: ImageParts,
): ImageRecord {
  const layers = image.layers.map(({ blob, diffId, chainId }, index): ImageLayer => {
    const { digest, size, mediaType } = blob;
    const { bytes, inodes } = usages[index] ?? { bytes: 0, inodes: 0 };
    return { diffId, chainId, blob: { digest, size, mediaType }, usage: { bytes, inodes } };
  });
  return {
    id: image.configDigest,
    tags: [...new Set(names.tags)].sort(),
    digests: [...new Set(names.digests)].sort(),
    manifest: image.manifest,
    config: image.config,
    ...(image.holdsCheckpoint ? { holdsCheckpoint: true } : {}),
    layers,
    size: layers.reduce((sum, layer) => sum + layer.usage.bytes, image.configBytes.length),
    pulledAt: nowNanos(),
    pinned: pinned.has(names),
    snapshotter: store.snapshotter.name,
    durable: store.bootId,
  };
}

/** True if the record's layers can be relied on: synced, or written since this boot. */
export function isTrusted(record: ImageRecord, bootId: BootId): boolean {
  return record.durable === "synced" || record.durable === bootId;
}

/**
 * Commits an image's record, or adds its names to the one that is there; tags move here from other images.
 * The caller has pinned the image's layers.
 */
export async function recordImage(
  image: ImageRecord,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<ImageRecord> {
  using _records = await parts.work.recordLock.hold("records", signal);
  const present = parts.store.records.get(image.id);
  const usable = present !== undefined && isTrusted(present, parts.store.bootId);
  return putNamed(usable ? present : image, image, parts);
}

/** Adds names to an image that is here; undefined when it has gone meanwhile. */
export async function addNames(
  id: ImageId,
  names: ImageNames,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<ImageRecord | undefined> {
  using _records = await parts.work.recordLock.hold("records", signal);
  const record = parts.store.records.get(id);
  return record === undefined ? undefined : putNamed(record, names, parts);
}

/** The lock is held. */
async function putNamed(
  record: ImageRecord,
  names: ImageNames,
  { store, pinned }: ImageParts,
): Promise<ImageRecord> {
  const tags = [...new Set([...record.tags, ...names.tags])].sort();
  const digests = [...new Set([...record.digests, ...names.digests])].sort();
  const grown = tags.length > record.tags.length || digests.length > record.digests.length;
  const named = grown ? withPin({ ...record, tags, digests }, pinned) : record;
  // The new holder of a tag first: at no time has nobody the tag.
  if (store.records.get(record.id) !== named) await store.records.put(named.id, named);
  for (const other of [...store.records.values()]) {
    const left = other.tags.filter((tag) => !names.tags.includes(tag));
    if (other.id !== record.id && left.length < other.tags.length) {
      await store.records.put(other.id, withPin({ ...other, tags: left }, pinned));
    }
  }
  return named;
}

/** Brings the records in line with what is pinned now. */
export async function applyPins({ store, work, pinned }: ImageParts, signal: AbortSignal): Promise<void> {
  using _records = await work.recordLock.hold("records", signal);
  for (const record of [...store.records.values()]) {
    const named = withPin(record, pinned);
    if (named !== record) await store.records.put(record.id, named);
  }
}
