import type { ChainId, DiffId, Digest, ImageId } from "../base/ids.ts";
import type { ArtifactContent } from "../spec/artifact.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import type { ImageConfig } from "../spec/oci-image-config.ts";
import type { ImageArtifact, ImageRecord } from "./contract.ts";

/** One layer as manifest and config name it. */
export interface ResolvedLayer {
  readonly blob: Descriptor;
  readonly diffId: DiffId;
  readonly chainId: ChainId;
  /** Of an artifact: what the blob becomes. */
  readonly artifact?: ArtifactContent;
}

/** An image for this host, known but for its layers' content. */
export interface ResolvedImage {
  readonly id: ImageId;
  readonly manifest: Pick<Descriptor, "digest" | "mediaType" | "size">;
  readonly manifestBytes: Uint8Array;
  readonly configDigest: Digest;
  readonly configBytes: Uint8Array;
  readonly config: ImageConfig;
  /** It is no image to be run, but a container's checkpoint. */
  readonly holdsCheckpoint: boolean;
  /** It is no container image at all. */
  readonly artifact?: ImageArtifact;
  readonly layers: readonly ResolvedLayer[];
}

/** The digest of an image's config blob: its id, but for artifacts, many of which have the same one. */
export function configDigestOf({ id, artifact }: Pick<ImageRecord, "id" | "artifact">): Digest {
  return artifact?.config ?? id;
}

/** An image that is here, as it was when it came. */
export function resolvedFrom(
  record: ImageRecord,
  { manifestBytes, configBytes }: Pick<ResolvedImage, "manifestBytes" | "configBytes">,
): ResolvedImage {
  const { id, manifest, config, layers, artifact } = record;
  return {
    id,
    manifest,
    manifestBytes,
    configDigest: configDigestOf(record),
    configBytes,
    config,
    holdsCheckpoint: record.holdsCheckpoint === true,
    ...(artifact === undefined ? {} : { artifact }),
    layers,
  };
}
