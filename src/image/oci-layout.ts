import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { digestOf, hexOf } from "../spec/digest.ts";
import { type Descriptor, mediaTypes, parseManifest } from "../spec/oci-image.ts";
import { formatReference, parseReference, repositoryName } from "../spec/reference.ts";
import type { Archive } from "./archive.ts";
import type { ArchivedImage } from "./archived-image.ts";
import type { ImageParts } from "./parts.ts";
import { selectManifest } from "./platform.ts";
import type { ImageNames } from "./record.ts";
import { type ImageSource, resolveImage } from "./resolve.ts";

/**
 * The images of an OCI image layout (OCI image spec v1.1, image layout), each under its name; of manifests
 * with the same name the one for this host.
 *
 * @throws {Fault} corrupt, unimplemented, notFound (none for this host)
 */
export async function ociLayoutImages(
  archive: Archive,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<ArchivedImage[]> {
  const { maxManifest } = parts.settings;
  const index = parseManifest(await archive.read("index.json", maxManifest), mediaTypes.ociIndex);
  if (index.kind !== "index") throw new Fault("corrupt", "its index.json is no index");
  const source = layoutSource(archive, maxManifest);
  const groups = Map.groupBy(index.manifests, groupOf);
  const images: ArchivedImage[] = [];
  for (const group of groups.values()) {
    const chosen =
      group.length === 1 && group[0] !== undefined ? group[0] : selectManifest(group, parts.platforms);
    const bytes = await source.small(chosen, signal);
    const image = await resolveImage({ descriptor: chosen, bytes }, source, parts, signal);
    images.push({ image, names: namesFor(chosen), source });
  }
  return images;
}

/** Blobs of an archive by their digest. */
function layoutSource(archive: Archive, maxManifest: number): ImageSource {
  const file = (digest: Digest) => `blobs/sha256/${hexOf(digest)}`;
  return {
    async small(blob) {
      const bytes = await archive.read(file(blob.digest), maxManifest);
      if (digestOf(bytes) !== blob.digest)
        throw new Fault("corrupt", `its blob ${blob.digest} has another content`);
      return bytes;
    },
    layer: (blob, signal) => archive.stream(file(blob.digest), signal),
  };
}

/** Nameless ones with a platform are one image for several; without one, each is an image. */
function groupOf(descriptor: Descriptor): string {
  return nameOf(descriptor) ?? (descriptor.platform === undefined ? descriptor.digest : "");
}

/**
 * containerd's annotation holds the whole name; the spec's may hold a tag alone, which names nothing by
 * itself.
 */
function nameOf({ annotations = {} }: Descriptor): string | undefined {
  const whole = annotations["io.containerd.image.name"];
  if (whole !== undefined) return whole;
  const name = annotations["org.opencontainers.image.ref.name"];
  return name !== undefined && /[/:]/.test(name) ? name : undefined;
}

function namesFor(descriptor: Descriptor): ImageNames {
  const name = nameOf(descriptor);
  if (name === undefined) return { tags: [], digests: [] };
  const reference = parseReference(name);
  return {
    tags: reference.digest === undefined ? [formatReference(reference)] : [],
    digests: [`${repositoryName(reference)}@${descriptor.digest}`],
  };
}
