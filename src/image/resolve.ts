import { Fault } from "../base/fault.ts";
import type { ChainId, DiffId, Digest } from "../base/ids.ts";
import { marksCheckpoint } from "../spec/checkpoint.ts";
import { chainIds } from "../spec/digest.ts";
import {
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  mediaTypes,
  type Platform,
  parseImageConfig,
  parseManifest,
} from "../spec/oci-image.ts";
import type { ImageSettings } from "./parts.ts";
import { selectManifest } from "./platform.ts";

/** Where the parts of an image come from: a registry or an archive. */
export interface ImageSource {
  /** What the image can be had by from its registry; absent when it does not come from there. */
  readonly reference?: string;
  /** The bytes of a manifest, an index or a config, verified. */
  small(blob: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
  /** The bytes of a layer, not verified. */
  layer(blob: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** What `layer` gave was wrong. True if to ask again may bring something else: it comes from another host. */
  distrust?(digest: Digest): boolean;
}

/** One layer as manifest and config name it. */
interface ResolvedLayer {
  readonly blob: Descriptor;
  readonly diffId: DiffId;
  readonly chainId: ChainId;
}

/** An image for this host, known but for its layers' content. */
export interface ResolvedImage {
  readonly manifest: Pick<Descriptor, "digest" | "mediaType" | "size">;
  readonly manifestBytes: Uint8Array;
  readonly configDigest: Digest;
  readonly configBytes: Uint8Array;
  readonly config: ImageConfig;
  /** It is no image to be run, but a container's checkpoint. */
  readonly holdsCheckpoint: boolean;
  readonly layers: readonly ResolvedLayer[];
}

const indexDepthMax = 4;
const configTypes: readonly string[] = [
  mediaTypes.ociConfig,
  mediaTypes.dockerConfig,
  "application/octet-stream",
];

/**
 * Goes from what a name stands for to the image for this host: through indexes to a manifest, and to its
 * config.
 *
 * @param root the manifest or index, and its bytes, verified
 * @throws {Fault} notFound when there is none for this host; corrupt; unimplemented when it is no container
 * image
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
  const config = parseImageConfig(configBytes);
  return {
    manifest: { digest: descriptor.digest, mediaType: parsed.mediaType, size: bytes.length },
    manifestBytes: bytes,
    configDigest: parsed.config.digest,
    configBytes,
    config,
    holdsCheckpoint,
    layers: pairLayers(parsed, config),
  };
}

function checkManifest(manifest: ImageManifest, { maxLayers }: ImageSettings): void {
  if (!configTypes.includes(manifest.config.mediaType)) {
    throw new Fault(
      "unimplemented",
      `this is no container image: its config is of type ${manifest.config.mediaType.slice(0, 100)}`,
    );
  }
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
