import { during, Fault } from "../base/fault.ts";
import type { ImageId } from "../base/ids.ts";
import { type Archive, openArchive } from "./archive.ts";
import type { ArchivedImage } from "./archived-image.ts";
import { dockerArchiveImages } from "./docker-archive.ts";
import { ociLayoutImages } from "./oci-layout.ts";
import type { UnpackParts } from "./parts.ts";
import { bringImage } from "./pull.ts";
import { removeUnused, removeUnusedBlobs, storedFor } from "./sweep.ts";

/**
 * Takes all images of an OCI layout (directory or tar) or of a docker archive, with their blobs. Either all
 * of them are here then, or none that wasn't before.
 *
 * @throws {Fault} notFound, corrupt, exhausted, unimplemented: with the path
 */
export async function importImages(
  path: string,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<ImageId[]> {
  const { content } = parts.store;
  const unpackAt = content.ingestPath();
  try {
    await using archive = await openArchive(path, unpackAt, parts.settings.maxLayer, signal);
    const images = await imagesIn(archive, parts, signal);
    if (images.length === 0) throw new Fault("corrupt", "there is no image in it");
    return await bringArchived(images, parts, signal);
  } catch (error) {
    throw during(`importing ${path}`, error);
  } finally {
    await content.drop(unpackAt);
  }
}

async function imagesIn(archive: Archive, parts: UnpackParts, signal: AbortSignal): Promise<ArchivedImage[]> {
  if ((await archive.size("index.json")) !== undefined) return ociLayoutImages(archive, parts, signal);
  if ((await archive.size("manifest.json")) !== undefined) return dockerArchiveImages(archive, parts, signal);
  throw new Fault(
    "corrupt",
    "it is neither an OCI layout (no index.json) nor a docker archive (no manifest.json)",
  );
}

async function bringArchived(
  images: readonly ArchivedImage[],
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<ImageId[]> {
  const { store } = parts;
  const fresh = new Set<ImageId>();
  try {
    for (const { image, names, source } of images) {
      if (store.records.get(image.id) === undefined) fresh.add(image.id);
      const record = await bringImage(
        image,
        { source, names, keepBlobs: true },
        parts,
        () => undefined,
        signal,
      );
      // A layer that was here already came without its blob.
      for (const { blob } of record.layers) {
        const known = image.layers.some((layer) => layer.blob.digest === blob.digest);
        if (!known || (await store.content.size(blob.digest)) === blob.size) continue;
        await store.content.write(source.layer(blob, signal), blob);
      }
    }
  } catch (error) {
    for (const id of fresh) await forget(id, parts);
    throw error;
  }
  return [...new Set(images.map(({ image }) => image.id))];
}

async function forget(id: ImageId, parts: UnpackParts): Promise<void> {
  const record = parts.store.records.get(id);
  if (record === undefined) return;
  const unending = new AbortController().signal;
  using _records = await parts.work.recordLock.hold("records", unending);
  await parts.store.records.delete(id);
  await removeUnused(record.layers.map((layer) => layer.chainId).toReversed(), parts, unending);
  await removeUnusedBlobs(storedFor(record), parts);
}
