import type { Digest } from "../base/ids.ts";
import { hexOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import { parseReference } from "../spec/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "../wire/tar/write.ts";
import type { ImageRecord } from "./contract.ts";
import { requireImage } from "./find.ts";
import { layerBytes } from "./layer-bytes.ts";
import type { ImageParts } from "./parts.ts";
import { configDigestOf } from "./resolved.ts";
import { blobsOf } from "./sweep.ts";

interface Exported {
  readonly record: ImageRecord;
  readonly tags: readonly string[];
}

/**
 * Images as a tar: an OCI image layout with the manifest.json of docker beside it. Blobs that were dropped after unpacking
 * are fetched again, without a credential. The pieces' memory is the reader's.
 *
 * @throws {Fault} notFound for an image, before anything comes; what `layerBytes` throws
 */
export async function* exportImages(
  references: readonly string[],
  parts: ImageParts,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const images = gather(references, parts);
  using _pins = parts.work.pins.pin(
    images.flatMap(({ record }) => blobsOf(record)),
    "an export",
  );
  yield* archive(images, parts, signal);
}

/** Each image once, under the tags that were asked for; by id or digest: under all that it has. */
function gather(references: readonly string[], { store, registry }: ImageParts): Exported[] {
  const tags = new Map<string, Set<string>>();
  for (const reference of references) {
    const record = requireImage(reference, { store, registry });
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

async function* archive(
  images: readonly Exported[],
  parts: ImageParts,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const written = new Set<Digest>();
  const isNew = (digest: Digest) => !written.has(digest) && written.add(digest) !== undefined;
  for (const { record } of images) {
    for (const digest of [record.manifest.digest, configDigestOf(record)].filter(isNew))
      yield file(blobPath(digest), await parts.store.content.read(digest, parts.settings.maxManifest));
    for (const { blob } of record.layers.filter(({ blob }) => isNew(blob.digest))) {
      yield tarHeader({ name: blobPath(blob.digest), size: blob.size });
      yield* layerBytes(record, blob, parts, () => undefined, signal);
      yield tarPadding(blob.size);
    }
  }
  yield file("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: descriptors(images) };
  yield file("index.json", json(index));
  const containerImages = images.filter(({ record }) => record.artifact === undefined);
  if (containerImages.length > 0) yield file("manifest.json", json(containerImages.map(dockerEntry)));
  yield new Uint8Array(tarEnd);
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

function file(name: string, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([tarHeader({ name, size: bytes.length }), bytes, tarPadding(bytes.length)]);
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
