import { Fault } from "../../base/fault.ts";
import { plainMediaType } from "../../spec/encrypted-layer.ts";
import type { ImageLayer } from "../contract.ts";
import { newIngest } from "../layer.ts";
import { layerCiphers } from "../layer-ciphers.ts";
import type { UnpackParts } from "../parts.ts";

/** Unpacks a layer from its blob in the store, and puts it in the place of what is there, at once. */
export async function replaceLayer(
  { blob, chainId, diffId, artifact }: ImageLayer,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<void> {
  const { store, snapshotter, settings } = parts;
  const ingest = newIngest();
  const listFilesAt = store.content.ingestPath();
  const { bootId } = store;
  await store.ingests.put(ingest, { ingest, chainId, diffId, bootId, snapshotter: snapshotter.name });
  try {
    const unpacked = await store.unpacker.unpackLayer(
      {
        source: { file: store.content.pathOf(blob.digest) },
        mediaType: plainMediaType(blob.mediaType),
        cipher: (await layerCiphers([blob], parts, signal)).get(blob.digest),
        directory: await snapshotter.prepareLayer(ingest),
        limits: { maxUnpacked: settings.maxLayer, maxFiles: settings.maxFiles },
        listFilesAt,
        ...(artifact === undefined ? {} : { artifact: { content: artifact, size: blob.size } }),
      },
      signal,
    );
    if (unpacked.diffId !== diffId)
      throw new Fault("corrupt", `its blob unpacks to ${unpacked.diffId}, not to ${diffId}`);
    await store.fileLists.adopt(listFilesAt, diffId);
    await snapshotter.replaceLayer?.(ingest, chainId);
    await snapshotter.sync();
    await store.content.sync();
  } finally {
    await store.content.drop(listFilesAt);
    await snapshotter.abortLayer(ingest);
    await store.ingests.delete(ingest);
  }
}
