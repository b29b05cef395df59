import { createHash } from "node:crypto";
import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { digestFromHex, digestOf } from "../spec/digest.ts";
import { type Descriptor, mediaTypes } from "../spec/oci-image.ts";
import { parseImageConfig } from "../spec/oci-image-config.ts";
import { formatReference, parseReference } from "../spec/reference.ts";
import { type Archive, packingOf } from "./archive.ts";
import type { ArchivedImage } from "./archived-image.ts";
import type { ImageParts } from "./parts.ts";
import { type ImageSource, resolveImage } from "./resolve.ts";

const archiveManifest = v.pipe(
  v.array(
    v.object({
      Config: v.string(),
      RepoTags: v.nullish(v.array(v.string())),
      Layers: v.nullish(v.array(v.string())),
    }),
  ),
  v.maxLength(1000, "has more than 1000 entries"),
);
type ArchiveEntry = v.InferOutput<typeof archiveManifest>[number];

/**
 * The images of what `docker save` writes. They have no manifest of their own: one is made from what is
 * there.
 *
 * @throws {Fault} corrupt, unimplemented, exhausted
 */
export async function dockerArchiveImages(
  archive: Archive,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<ArchivedImage[]> {
  const bytes = await archive.read("manifest.json", parts.settings.maxManifest);
  let entries: ArchiveEntry[];
  try {
    entries = v.parse(archiveManifest, JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new Fault("corrupt", "its manifest.json is malformed", { cause });
  }
  const images: ArchivedImage[] = [];
  for (const entry of entries) images.push(await readEntry(entry, archive, parts, signal));
  return images;
}

async function readEntry(
  entry: ArchiveEntry,
  archive: Archive,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<ArchivedImage> {
  const { maxManifest, maxLayers } = parts.settings;
  const configBytes = await archive.read(entry.Config, maxManifest);
  const diffIds = parseImageConfig(configBytes).rootfs.diff_ids;
  const paths = entry.Layers ?? [];
  if (paths.length > maxLayers) throw new Fault("exhausted", `an image has ${paths.length} layers`);
  const layers: Descriptor[] = [];
  const pathOf = new Map<Digest, string>();
  for (const [index, path] of paths.entries()) {
    const layer = await describeLayer(path, diffIds[index], archive, signal);
    layers.push(layer);
    pathOf.set(layer.digest, path);
  }
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const descriptor = { digest: digestOf(bytes), size: bytes.length, mediaType: mediaTypes.ociManifest };
  const source: ImageSource = {
    small: async () => configBytes,
    layer: (blob, until) => archive.stream(pathOf.get(blob.digest) ?? "", until),
  };
  const tags = (entry.RepoTags ?? []).map((tag) => formatReference(parseReference(tag)));
  return {
    image: await resolveImage({ descriptor, bytes }, source, parts, signal),
    names: { tags, digests: [] },
    source,
  };
}

/** An unpacked layer has the digest that the config says: it is verified when it is unpacked. */
async function describeLayer(
  path: string,
  diffId: Digest | undefined,
  archive: Archive,
  signal: AbortSignal,
): Promise<Descriptor> {
  const size = await archive.size(path);
  if (size === undefined || diffId === undefined)
    throw new Fault("corrupt", `it lacks the layer ${path.slice(0, 200)}`);
  const hash = createHash("sha256");
  let packing: ReturnType<typeof packingOf>;
  let first = true;
  for await (const chunk of archive.stream(path, signal)) {
    if (first) packing = packingOf(chunk);
    first = false;
    if (packing === undefined) return { mediaType: mediaTypes.ociLayer, digest: diffId, size };
    hash.update(chunk);
  }
  return {
    mediaType: `${mediaTypes.ociLayer}+${packing ?? "gzip"}`,
    digest: digestFromHex(hash.digest("hex")),
    size,
  };
}
