import { Fault } from "../../base/fault.ts";
import type { ChainId } from "../../base/ids.ts";
import type { ImageLayer, ImageRecord } from "../contract.ts";
import { bringLayers } from "../layers.ts";
import type { UnpackParts } from "../parts.ts";
import { dropIncomplete } from "../recover.ts";
import type { ImageSource } from "../resolve.ts";
import { resolvedFrom } from "../resolved.ts";

/**
 * Removes a layer and those above it and makes them anew, from their blobs in the store. An image that can't be made whole
 * again is dropped, as after a power cut. They are not durable until the next sync.
 *
 * @param layers the lower before the upper
 * @param images that have them
 */
export async function rebuildLayers(
  layers: readonly ImageLayer[],
  images: readonly ImageRecord[],
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<void> {
  await countAsUnsynced(images, parts, signal);
  try {
    for (const chain of layers.map(({ chainId }) => chainId).toReversed()) await take(chain, parts, signal);
    for (const image of images) await bringAgain(image, parts, signal);
  } catch (error) {
    await dropIncomplete(parts, new AbortController().signal);
    throw error;
  }
}

/** Before anything of them is unsynced. */
async function countAsUnsynced(
  images: readonly ImageRecord[],
  { store, snapshotter, work }: UnpackParts,
  signal: AbortSignal,
): Promise<void> {
  using _records = await work.recordLock.hold("records", signal);
  for (const { id } of images) {
    const record = store.records.get(id);
    const unpacked = record?.unpacked[snapshotter.name];
    if (record === undefined || unpacked === undefined) continue;
    const inDoubt = { ...unpacked, durable: store.bootId };
    await store.records.put(id, { ...record, unpacked: { ...record.unpacked, [snapshotter.name]: inDoubt } });
  }
}

async function take(chain: ChainId, { snapshotter, work }: UnpackParts, signal: AbortSignal): Promise<void> {
  using _chain = await work.digestLocks.hold(chain, signal);
  await snapshotter.remove(chain);
}

/** From blobs in the store alone: nothing is asked of a registry any more. */
const nowhere: ImageSource = {
  small: () => Promise.reject(new Fault("internal", "a manifest was asked for, to unpack a layer")),
  layer: ({ digest }) => {
    throw new Fault("notFound", `the blob ${digest} is not in the store any more`);
  },
};

async function bringAgain(record: ImageRecord, parts: UnpackParts, signal: AbortSignal): Promise<void> {
  const nothing = new Uint8Array();
  const image = resolvedFrom(record, { manifestBytes: nothing, configBytes: nothing });
  await bringLayers(image, { source: nowhere, keepBlobs: false }, parts, () => undefined, signal);
}
