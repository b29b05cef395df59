import type { Digest } from "../base/ids.ts";
import type { RemoteRepository } from "../registry/repository.ts";
import { type Descriptor, mediaTypes } from "../spec/oci-image.ts";
import { formatReference, parseReference, type Reference } from "../spec/reference.ts";
import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";
import { type ImageSource, resolveImage } from "./resolve.ts";
import type { ResolvedImage } from "./resolved.ts";

/** An image as a registry has it, but for its layers. */
export interface RegistryImage {
  readonly repository: RemoteRepository;
  readonly source: ImageSource;
  /** What the reference stands for: a manifest or an index. */
  readonly root: Pick<Descriptor, "digest" | "mediaType" | "size">;
  readonly image: ResolvedImage;
}

/**
 * Goes from a reference to the image for this host.
 *
 * @param digest what the reference stands for, where that was asked already
 * @throws {Fault} as `resolveImage` does, and what the registry says
 */
export async function findAtRegistry(
  reference: Reference,
  { repository, digest }: { readonly repository: RemoteRepository; readonly digest: Digest | undefined },
  parts: ImageParts,
  signal: AbortSignal,
): Promise<RegistryImage> {
  const found = await repository.manifest(digest ?? reference.digest ?? reference.tag ?? "latest", signal);
  const { mediaType, bytes } = found;
  const source = registrySource(repository, formatReference(reference));
  const descriptor = { digest: found.digest, mediaType, size: bytes.length };
  const image = await resolveImage({ descriptor, bytes }, source, parts, signal);
  const isImage = image.manifest.digest === found.digest;
  const type = mediaType ?? (isImage ? image.manifest.mediaType : mediaTypes.ociIndex);
  return { repository, source, root: { ...descriptor, mediaType: type }, image };
}

/** Where an image came from, asked with the credentials that the node has for it; undefined: it has no name to ask by. */
export async function sourceOfImage(
  { digests, tags }: Pick<ImageRecord, "digests" | "tags">,
  { registry }: Pick<ImageParts, "registry">,
): Promise<ImageSource | undefined> {
  const name = digests[0] ?? tags[0];
  if (name === undefined) return undefined;
  return registrySource(await registry.repository(parseReference(name), undefined), name);
}

/** The layers of images in a registry. */
export function registrySource(repository: RemoteRepository, reference: string): ImageSource {
  return {
    reference,
    small: async (blob, signal) =>
      /manifest|index/.test(blob.mediaType)
        ? (await repository.manifest(blob.digest, signal)).bytes
        : repository.smallBlob(blob, signal),
    layer: (blob, signal) => repository.blob(blob, signal),
    fetchLayer: (blob, into, watch, signal) => repository.fetchBlob(blob, into, watch, signal),
    distrust: (digest) => repository.distrust(digest),
  };
}
