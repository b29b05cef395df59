import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import { isDigest } from "./digest.ts";
import { optionalText, parseAs, parseJson, text, textMap } from "./oci-fields.ts";

/** Media types of the OCI image spec v1.1 and of Docker's image manifest version 2, schema 2. */
export const mediaTypes = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  /** Stands where there is nothing to say: two bytes, `{}`. */
  ociEmpty: "application/vnd.oci.empty.v1+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
} as const;

/** Where an image runs (OCI image spec, image index: platform). */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
}

/** Names a blob (OCI image spec, descriptor). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: Bytes;
  readonly platform?: Platform | undefined;
  /** Of an artifact that is no image: what it is. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** An OCI image index or a Docker manifest list. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** An OCI image manifest or a Docker schema 2 one: the layers from the lowest to the topmost. */
export interface ImageManifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** What it is, if no container image. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const digest = v.custom<Digest>(
  (value) => typeof value === "string" && isDigest(value),
  "is not a sha256 digest",
);
const count = v.pipe(v.number(), v.safeInteger("is not a whole number"), v.minValue(0, "is below 0"));
const optionalTextMap = v.pipe(
  v.nullish(textMap),
  v.transform((value) => value ?? undefined),
);

const platform = v.object({ architecture: text, os: text, variant: optionalText });

const descriptor = v.object({
  mediaType: v.pipe(v.string(), v.maxLength(255, "is too long")),
  digest,
  size: count,
  platform: v.pipe(
    v.nullish(platform),
    v.transform((value) => value ?? undefined),
  ),
  artifactType: optionalText,
  annotations: optionalTextMap,
});

const header = v.object({
  schemaVersion: v.optional(v.unknown()),
  mediaType: v.optional(v.string()),
  manifests: v.optional(v.unknown()),
  layers: v.optional(v.unknown()),
  fsLayers: v.optional(v.unknown()),
  config: v.optional(v.unknown()),
});
const indexBody = v.object({
  schemaVersion: v.literal(2),
  manifests: v.array(descriptor),
  annotations: optionalTextMap,
});
const manifestBody = v.object({
  schemaVersion: v.literal(2),
  config: descriptor,
  layers: v.array(descriptor),
  artifactType: optionalText,
  annotations: optionalTextMap,
});

/**
 * Reads a manifest or an index. `mediaType` is what the descriptor or the registry's Content-Type says; what
 * the document says of itself must agree, so that one blob can't be taken for two things.
 *
 * @throws {Fault} corrupt when it is neither, or both; unimplemented for Docker schema 1
 */
export function parseManifest(bytes: Uint8Array, mediaType: string | undefined): ImageIndex | ImageManifest {
  const json = parseJson(bytes, "manifest");
  const said = parseAs(header, json, "manifest");
  const outer = mediaType === undefined || isGeneric(mediaType) ? undefined : mediaType;
  if (
    said.schemaVersion === 1 ||
    said.fsLayers !== undefined ||
    /distribution\.manifest\.v1\+/.test(outer ?? "")
  ) {
    throw new Fault("unimplemented", "the image has a Docker schema 1 manifest, which is not supported", {
      hint: "push the image again with a current tool: schema 1 has been out of use since 2017",
    });
  }
  if (outer !== undefined && said.mediaType !== undefined && outer !== said.mediaType) {
    throw new Fault("corrupt", `manifest says that it is ${said.mediaType}, but was given as ${outer}`);
  }
  if (said.manifests !== undefined && (said.layers !== undefined || said.config !== undefined)) {
    throw new Fault("corrupt", "manifest is malformed: it holds both manifests and layers");
  }
  const type =
    outer ?? said.mediaType ?? (said.manifests === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex);
  if (type === mediaTypes.ociIndex || type === mediaTypes.dockerIndex) {
    const { manifests, annotations } = parseAs(indexBody, json, "image index");
    return { kind: "index", mediaType: type, manifests, annotations };
  }
  if (type === mediaTypes.ociManifest || type === mediaTypes.dockerManifest) {
    const { config, layers, artifactType, annotations } = parseAs(manifestBody, json, "image manifest");
    return { kind: "manifest", mediaType: type, config, layers, artifactType, annotations };
  }
  throw new Fault("corrupt", `${type.slice(0, 100)} is not the media type of an image manifest or index`);
}

/** What servers send that know nothing of media types. */
function isGeneric(mediaType: string): boolean {
  return ["", "application/json", "application/octet-stream", "text/plain"].includes(mediaType);
}
