import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { type ArtifactContent, artifactDiffId } from "../spec/artifact.ts";
import { chainIds } from "../spec/digest.ts";
import { type Descriptor, type ImageManifest, mediaTypes, type Platform } from "../spec/oci-image.ts";
import type { ImageConfig } from "../spec/oci-image-config.ts";
import { isLayerType } from "../spec/oci-layer.ts";
import type { ImageArtifact } from "./contract.ts";
import type { ResolvedLayer } from "./resolved.ts";

const containerConfigTypes: readonly string[] = [
  mediaTypes.ociConfig,
  mediaTypes.dockerConfig,
  "application/octet-stream",
];

/** The file's path (OCI image spec, annotations). */
const titleAnnotation = "org.opencontainers.image.title";
/** Of a directory that ORAS packed: it is to be unpacked, under the title that its entries have in their paths. */
const unpackAnnotation = "io.deis.oras.content.unpack";
const [pathMax, nameMax] = [1024, 255];

/** True for a manifest whose config doesn't say how a container is to be run (OCI image spec, guidelines for artifact usage). */
export function isArtifact({ config }: ImageManifest): boolean {
  return !containerConfigTypes.includes(config.mediaType);
}

/** What an artifact's record says of it. */
export function artifactOf({ artifactType, config }: ImageManifest): ImageArtifact {
  return { type: artifactType ?? config.mediaType, config: config.digest };
}

/** In the place of a container's config. */
export function artifactConfig(
  { architecture }: Pick<Platform, "architecture">,
  layers: readonly ResolvedLayer[],
): ImageConfig {
  return {
    architecture,
    os: "linux",
    config: {
      User: "",
      Env: [],
      Entrypoint: [],
      Cmd: [],
      WorkingDir: "",
      Labels: {},
      Volumes: {},
      StopSignal: "",
      ExposedPorts: {},
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
}

/**
 * The blobs of an artifact as layers to be mounted, each with what it becomes there: a file by its title, or by the
 * hexadecimal digits of its digest; what was packed from a directory is unpacked.
 *
 * @throws {Fault} corrupt for titles that can't be paths of files beside each other
 */
export function artifactLayers({ layers }: ImageManifest): ResolvedLayer[] {
  // What stands where there is nothing to say is no content.
  const blobs = layers.filter(({ mediaType }) => mediaType !== mediaTypes.ociEmpty);
  const contents = blobs.map((blob) => ({ blob, artifact: contentOf(blob) }));
  requireApart(contents.map(({ artifact }) => artifact));
  const diffIds = contents.map(({ blob, artifact }) => artifactDiffId(artifact, blob.digest));
  const chains = chainIds(diffIds);
  return contents.map(({ blob, artifact }, index) => {
    const [diffId, chainId] = [diffIds[index], chains[index]];
    if (diffId === undefined || chainId === undefined)
      throw new Fault("internal", "a blob of an artifact without a chain id");
    return { blob, diffId, chainId, artifact };
  });
}

/** Many tools give plain files the type of a layer: without a word of unpacking, only what has no title is one. */
function contentOf({ mediaType, digest, annotations = {} }: Descriptor): ArtifactContent {
  const title = annotations[titleAnnotation];
  const isPacked = annotations[unpackAnnotation] === "true" || title === undefined;
  if (isPacked && isLayerType(mediaType)) return { kind: "archive" };
  return {
    kind: "file",
    path: title === undefined ? digest.slice("sha256:".length) : soundPath(title, digest),
  };
}

function soundPath(title: string, digest: Digest): string {
  const names = title.split("/");
  const sound = names.every(
    (name) =>
      // In a layer, a name like the last one would take another file away (OCI image spec, layer: whiteouts).
      name !== "" &&
      name !== "." &&
      name !== ".." &&
      !name.startsWith(".wh.") &&
      Buffer.byteLength(name) <= nameMax,
  );
  if (sound && Buffer.byteLength(title) <= pathMax && !title.includes("\0")) return title;
  throw new Fault("corrupt", `the title ${shown(title)} of ${digest} can't be the path of a file`);
}

/** One file must not be in another's place, nor be the directory of one. */
function requireApart(contents: readonly ArtifactContent[]): void {
  const files = new Set<string>();
  for (const content of contents) {
    if (content.kind !== "file") continue;
    if (files.has(content.path))
      throw new Fault("corrupt", `the title ${shown(content.path)} is that of several blobs`);
    files.add(content.path);
  }
  for (const path of files) {
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      const above = path.slice(0, end);
      if (files.has(above))
        throw new Fault("corrupt", `the title ${shown(above)} is a directory in the title ${shown(path)}`);
    }
  }
}

function shown(title: string): string {
  return JSON.stringify(title.slice(0, 100));
}
