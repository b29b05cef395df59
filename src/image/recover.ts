import type { ChainId } from "../base/ids.ts";
import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";
import { isTrusted } from "./record.ts";
import { sweepImages } from "./sweep.ts";

/**
 * Puts right what the last daemon left, at start, before anything is pulled or created: layers that were
 * being unpacked are dropped, images that a power cut may have damaged are forgotten, and what lies on disk
 * without a record goes.
 *
 * @returns the images that were dropped because they were not durable yet when the host went down
 */
export async function recoverImages(parts: ImageParts, signal: AbortSignal): Promise<ImageRecord[]> {
  const { store } = parts;
  for (const ingest of ingestsOf((await store.snapshotter.list()).ingests, parts)) {
    await store.snapshotter.abortLayer(ingest);
    await store.ingests.delete(ingest);
  }
  const dropped = await dropUntrusted(parts, signal);
  await sweepImages(parts, signal);
  return dropped;
}

function ingestsOf(listed: readonly string[], { store }: ImageParts): Set<string> {
  return new Set([...listed, ...[...store.ingests.values()].map((record) => record.ingest)]);
}

/**
 * Drops every image of another boot that no sync has covered, with those of its layers that no synced image
 * has. The containers on them are of that boot, too: dead, and their writable layers lie on what can't be
 * relied on.
 *
 * An image of which a layer can't be removed keeps its record: it is shown to nobody, and tells its layers as
 * doubtful.
 */
export async function dropUntrusted(parts: ImageParts, signal: AbortSignal): Promise<ImageRecord[]> {
  const { store, log, work } = parts;
  using _records = await work.recordLock.hold("records", signal);
  const [untrusted, trusted]: [ImageRecord[], ImageRecord[]] = [[], []];
  for (const record of store.records.values())
    (isTrusted(record, store.bootId) ? trusted : untrusted).push(record);
  const sound = new Set(trusted.flatMap(chainsOf));
  const doubtful = untrusted.flatMap(chainsOf).filter((chain) => !sound.has(chain));
  const left = await removeAll(doubtful.reverse(), parts);
  const dropped = untrusted.filter((record) => !chainsOf(record).some((chain) => left.has(chain)));
  for (const record of dropped) {
    await store.records.delete(record.id);
    log.warn(
      { imageId: record.id, tags: record.tags },
      "the host went down before this image was safely on disk: it is dropped, and can be pulled again",
    );
  }
  return dropped;
}

/** Chains that are on disk, but may be damaged: those of the images that `dropUntrusted` could not drop. */
export function doubtfulChains({ store }: ImageParts): Set<ChainId> {
  const chains = new Set<ChainId>();
  for (const record of store.records.values()) {
    if (!isTrusted(record, store.bootId)) for (const chain of chainsOf(record)) chains.add(chain);
  }
  return chains;
}

function chainsOf(record: ImageRecord): ChainId[] {
  return record.layers.map((layer) => layer.chainId);
}

/**
 * Removes snapshots and the containers' on them, in several passes: children first.
 *
 * @returns those that stay
 */
async function removeAll(chains: readonly ChainId[], { store, log }: ImageParts): Promise<Set<ChainId>> {
  const left = new Set(chains);
  for (let before = left.size + 1; left.size > 0 && left.size < before; ) {
    before = left.size;
    for (const chain of left) {
      try {
        for (const key of store.users.snapshotsOn(chain)) await store.snapshotter.remove(key);
        await store.snapshotter.remove(chain);
        left.delete(chain);
      } catch (err) {
        log.warn({ err, chain }, "a layer that may be damaged can't be removed yet");
      }
    }
  }
  return left;
}
