import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { BlobTarget, FetchWatch } from "../registry/blob-fetch.ts";
import { marksCheckpoint } from "../spec/checkpoint.ts";
import { chainIds } from "../spec/digest.ts";
import { type Descriptor, type ImageManifest, type Platform, parseManifest } from "../spec/oci-image.ts";
import { type ImageConfig, parseImageConfig } from "../spec/oci-image-config.ts";
import { artifactConfig, artifactLayers, artifactOf, isArtifact } from "./artifact.ts";
import type { ImageSettings } from "./parts.ts";
import { selectManifest } from "./platform.ts";
import type { ResolvedImage, ResolvedLayer } from "./resolved.ts";

/** Where the parts of an image come from: a registry or an archive. */
export interface ImageSource {
  /** What the image can be had by from its registry; absent when it does not come from there. */
  readonly reference?: string;
  /** The bytes of a manifest, an index or a config, verified. */
  small(blob: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
  /** The bytes of a layer, not verified. */
  layer(blob: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Brings what `into` wants of a layer, not verified: so that what came is not fetched again. Absent: nothing is fetched. */
  fetchLayer?(blob: Descriptor, into: BlobTarget, watch: FetchWatch, signal: AbortSignal): Promise<void>;
  /** What came last of a layer was wrong. True if to ask again may bring something else: it comes from another host. */
  distrust?(digest: Digest): boolean;
}

const indexDepthMax = 4;
/**
 * Goes from what a name stands for to the image for this host: through indexes to a manifest, and to its
 * config.
 *
 * @param root the manifest or index, and its bytes, verified
 * @throws {Fault} notFound when there is none for this host; corrupt; unimplemented when it is for another system
 */
export async function resolveImage(
  root: {
    readonly descriptor: Pick<Descriptor, "digest" | "size"> & { mediaType: string | undefined };
    readonly bytes: Uint8Array;
  },
  source: ImageSource,
  limits: { readonly settings: ImageSettings; readonly platforms: readonly Platform[] },
  signal: AbortSignal,
): Promise<ResolvedImage> {
  let { descriptor, bytes } = root;
  let parsed = parseManifest(bytes, descriptor.mediaType);
  let holdsCheckpoint = marksCheckpoint(parsed.annotations);
  for (let depth = 0; parsed.kind === "index"; depth++) {
    if (depth === indexDepthMax)
      throw new Fault("corrupt", `more than ${indexDepthMax} indexes lie in each other`);
    const chosen = selectManifest(parsed.manifests, limits.platforms);
    bytes = await source.small(chosen, signal);
    if (bytes.length !== chosen.size) {
      throw new Fault(
        "corrupt",
        `the manifest ${chosen.digest} has ${bytes.length} bytes, not ${chosen.size}`,
      );
    }
    parsed = parseManifest(bytes, chosen.mediaType);
    holdsCheckpoint ||= marksCheckpoint(parsed.annotations);
    descriptor = chosen;
  }
  checkManifest(parsed, limits.settings);
  const configBytes = await source.small(parsed.config, signal);
  const found = {
    manifest: { digest: descriptor.digest, mediaType: parsed.mediaType, size: bytes.length },
    manifestBytes: bytes,
    configDigest: parsed.config.digest,
    configBytes,
    holdsCheckpoint,
  };
  if (isArtifact(parsed)) {
    const layers = artifactLayers(parsed);
    const config = artifactConfig(limits.platforms[0] ?? { architecture: "" }, layers);
    return { ...found, id: descriptor.digest, artifact: artifactOf(parsed), config, layers };
  }
  const config = parseImageConfig(configBytes);
  return { ...found, id: parsed.config.digest, config, layers: pairLayers(parsed, config) };
}

function checkManifest(manifest: ImageManifest, { maxLayers }: ImageSettings): void {
  if (manifest.layers.length > maxLayers) {
    throw new Fault("exhausted", `the image has ${manifest.layers.length} layers`, {
      hint: `the limit is image.maxLayers, now ${maxLayers}`,
    });
  }
}

function pairLayers(manifest: ImageManifest, config: ImageConfig): ResolvedLayer[] {
  const diffIds = config.rootfs.diff_ids;
  if (config.os !== "linux")
    throw new Fault("unimplemented", `the image is made for ${config.os.slice(0, 60)}, not for Linux`);
  if (diffIds.length !== manifest.layers.length) {
    throw new Fault(
      "corrupt",
      `the manifest has ${manifest.layers.length} layers, the config ${diffIds.length}`,
    );
  }
  const chains = chainIds(diffIds);
  return manifest.layers.map((blob, index) => {
    const [diffId, chainId] = [diffIds[index], chains[index]];
    if (diffId === undefined || chainId === undefined)
      throw new Fault("internal", "a layer without a chain id");
    return { blob, diffId, chainId };
  });
}
