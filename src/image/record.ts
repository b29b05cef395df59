import type { BootId, ImageId } from "../base/ids.ts";
import { nowNanos } from "../base/units.ts";
import type { SnapshotUsage } from "../snapshot/contract.ts";
import { encryptionAnnotations, isEncrypted } from "../spec/encrypted-layer.ts";
import type { ImageLayer, ImageRecord, SignedManifests } from "./contract.ts";
import type { ImageParts, UnpackParts } from "./parts.ts";
import { withPin } from "./pinned.ts";
import type { ResolvedImage } from "./resolved.ts";
import { mergeSigned } from "./signed.ts";

/** The names under which an image is to be found, and what was found of it by them. */
export interface ImageNames {
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly signed?: SignedManifests;
}

/** The record of an image whose layers are all here. */
export function newImageRecord(
  image: ResolvedImage,
  usages: readonly SnapshotUsage[],
  names: ImageNames,
  { store, snapshotter, pinned }: UnpackParts,
): ImageRecord {
  const layers = image.layers.map(({ blob, diffId, chainId, artifact }): ImageLayer => {
    const { digest, size, mediaType } = blob;
    return {
      diffId,
      chainId,
      blob: {
        digest,
        size,
        mediaType,
        ...(isEncrypted(blob) ? { annotations: encryptionAnnotations(blob) } : {}),
      },
      ...(artifact === undefined ? {} : { artifact }),
    };
  });
  return {
    id: image.id,
    tags: [...new Set(names.tags)].sort(),
    digests: [...new Set(names.digests)].sort(),
    manifest: image.manifest,
    config: image.config,
    ...(image.holdsCheckpoint ? { holdsCheckpoint: true } : {}),
    ...(image.artifact === undefined ? {} : { artifact: image.artifact }),
    layers,
    ...(names.signed === undefined ? {} : { signed: names.signed }),
    size: usages.reduce((sum, { bytes }) => sum + bytes, image.configBytes.length),
    pulledAt: nowNanos(),
    pinned: pinned.has(names),
    unpacked: {
      [snapshotter.name]: {
        usages: usages.map(({ bytes, inodes }) => ({ bytes, inodes })),
        durable: store.bootId,
      },
    },
  };
}

/** What people know an image by. */
export function nameOf({ id, tags, digests }: Pick<ImageRecord, "id" | "tags" | "digests">): string {
  return tags[0] ?? digests[0] ?? id;
}

/** The images that have their layers in a snapshotter, whether those can be relied on or not. */
export function imagesIn(snapshotter: string, { store }: Pick<ImageParts, "store">): ImageRecord[] {
  return [...store.records.values()].filter(({ unpacked }) => unpacked[snapshotter] !== undefined);
}

/** True if its layers in a snapshotter can be relied on: synced, or written since this boot. */
export function isUnpacked({ unpacked }: ImageRecord, snapshotter: string, bootId: BootId): boolean {
  const durable = unpacked[snapshotter]?.durable;
  return durable === "synced" || durable === bootId;
}

/** True if there is a snapshotter in which its layers can be relied on. */
export function isTrusted(record: ImageRecord, bootId: BootId): boolean {
  return Object.keys(record.unpacked).some((name) => isUnpacked(record, name, bootId));
}

/**
 * Commits an image's record, or adds its names and where it is unpacked to the one that is there; tags move here from other images.
 * The caller has pinned the image's layers.
 */
export async function recordImage(
  image: ImageRecord,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<ImageRecord> {
  using _records = await parts.work.recordLock.hold("records", signal);
  const { records, bootId } = parts.store;
  const present = records.get(image.id);
  if (present === undefined) return putNamed(image, image, parts);
  const isNew = !isUnpacked(present, parts.snapshotter.name, bootId);
  const unpacked = isNew ? { ...present.unpacked, ...image.unpacked } : present.unpacked;
  const known = isTrusted(present, bootId) ? present : image;
  return putNamed(known.unpacked === unpacked ? known : { ...known, unpacked }, image, parts);
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
  const signed = mergeSigned(record.signed, names.signed);
  const grown =
    tags.length > record.tags.length || digests.length > record.digests.length || signed !== record.signed;
  const known = signed === undefined ? {} : { signed };
  const named = grown ? withPin({ ...record, tags, digests, ...known }, pinned) : record;
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
