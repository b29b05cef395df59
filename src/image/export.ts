import { createHash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { during, Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { digestFromHex, hexOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import { parseReference } from "../spec/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "../wire/tar/write.ts";
import type { ImageLayer, ImageRecord } from "./contract.ts";
import { findImage } from "./find.ts";
import type { ImageParts } from "./parts.ts";
import { blobsOf } from "./sweep.ts";

interface Exported {
  readonly record: ImageRecord;
  readonly tags: readonly string[];
}

/**
 * Writes images to a new tar: an OCI image layout with the manifest.json of docker beside it. Blobs that were
 * dropped after unpacking are fetched again, without a credential.
 *
 * @throws {Fault} notFound (an image, or a blob that can't be fetched again), alreadyExists, exhausted
 */
export async function exportImages(
  references: readonly string[],
  path: string,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<void> {
  const images = gather(references, parts);
  using _pins = parts.work.pins.pin(images.flatMap(({ record }) => blobsOf(record)));
  const file = await open(path, "wx", 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw new Fault(cause.code === "EEXIST" ? "alreadyExists" : "invalid", `${path} can't be made`, {
      cause,
    });
  });
  try {
    await writeArchive(file, images, parts, signal);
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw during(`exporting to ${path}`, error);
  }
}

/** Each image once, under the tags that were asked for; by id or digest: under all that it has. */
function gather(references: readonly string[], { store, registry }: ImageParts): Exported[] {
  const tags = new Map<string, Set<string>>();
  for (const reference of references) {
    const record = findImage(reference, store.records, store.bootId, registry.candidates);
    if (record === undefined) throw new Fault("notFound", `image "${reference}" is not on this node`);
    const asked = record.tags.filter((tag) => sameName(tag, reference));
    const all = tags.get(record.id) ?? new Set();
    for (const tag of asked.length > 0 ? asked : record.tags) all.add(tag);
    tags.set(record.id, all);
  }
  return [...store.records.values()].flatMap((record) => {
    const asked = tags.get(record.id);
    return asked === undefined ? [] : [{ record, tags: [...asked] }];
  });
}

function sameName(tag: string, reference: string): boolean {
  try {
    const { host, repository, tag: named, digest } = parseReference(reference);
    return digest === undefined && tag === `${host}/${repository}:${named}`;
  } catch {
    return false;
  }
}

async function writeArchive(
  file: FileHandle,
  images: readonly Exported[],
  parts: ImageParts,
  signal: AbortSignal,
): Promise<void> {
  const written = new Set<Digest>();
  for (const { record } of images) {
    for (const digest of [record.manifest.digest, record.id]) {
      if (written.has(digest)) continue;
      written.add(digest);
      const bytes = await parts.store.content.read(digest, parts.settings.maxManifest);
      await writeFile(file, blobPath(digest), bytes);
    }
    for (const layer of record.layers) {
      if (written.has(layer.blob.digest)) continue;
      written.add(layer.blob.digest);
      await writeLayer(file, record, layer, parts, signal);
    }
  }
  await writeFile(file, "oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  await writeFile(
    file,
    "index.json",
    json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: descriptors(images) }),
  );
  await writeFile(file, "manifest.json", json(images.map(dockerEntry)));
  await file.appendFile(tarEnd);
}

function descriptors(images: readonly Exported[]): object[] {
  return images.flatMap(({ record, tags }) => {
    if (tags.length === 0) return [record.manifest];
    return tags.map((tag) => ({
      ...record.manifest,
      annotations: {
        "io.containerd.image.name": tag,
        "org.opencontainers.image.ref.name": tag.slice(tag.lastIndexOf(":") + 1),
      },
    }));
  });
}

function dockerEntry({ record, tags }: Exported): object {
  return {
    Config: blobPath(record.id),
    RepoTags: tags,
    Layers: record.layers.map((layer) => blobPath(layer.blob.digest)),
  };
}

async function writeLayer(
  file: FileHandle,
  record: ImageRecord,
  { blob }: ImageLayer,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<void> {
  await file.appendFile(tarHeader({ name: blobPath(blob.digest), size: blob.size }));
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of await layerBytes(record, blob, parts, signal)) {
    hash.update(chunk);
    size += chunk.length;
    await file.appendFile(chunk);
  }
  if (size !== blob.size || digestFromHex(hash.digest("hex")) !== blob.digest) {
    throw new Fault("corrupt", `what came for layer ${blob.digest} is not what the manifest names`);
  }
  await file.appendFile(tarPadding(size));
}

async function layerBytes(
  record: ImageRecord,
  blob: ImageLayer["blob"],
  { store, registry }: ImageParts,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if ((await store.content.size(blob.digest)) === blob.size) return store.content.stream(blob.digest, signal);
  const name = record.digests[0] ?? record.tags[0];
  if (name === undefined) {
    throw new Fault(
      "notFound",
      `layer ${blob.digest} was dropped once it was unpacked, and the image has no name to fetch it by`,
    );
  }
  const repository = await registry.repository(parseReference(name), undefined);
  return again(repository.blob(blob, signal), blob.digest);
}

async function* again(chunks: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw during(
      `layer ${digest} was dropped once it was unpacked, and can't be fetched again`,
      error,
      "to keep blobs, set image.keepLayerBlobs, or import the image",
    );
  }
}

async function writeFile(file: FileHandle, name: string, bytes: Uint8Array): Promise<void> {
  await file.appendFile(
    Buffer.concat([tarHeader({ name, size: bytes.length }), bytes, tarPadding(bytes.length)]),
  );
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
