import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import type { DiffId, Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import { isDigest } from "./digest.ts";
import { schemaIssue } from "./schema-issue.ts";

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

/** What an image says of the containers made from it (OCI image spec, config). Absent parts are empty. */
export interface ContainerDefaults {
  /** `user`, `uid`, `user:group`, `uid:gid` and mixtures; empty: root. */
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  /** Keys are paths within the container. */
  readonly Volumes: Readonly<Record<string, object>>;
  /** A name (`SIGQUIT`) or a number; empty: SIGTERM. */
  readonly StopSignal: string;
  /** Keys are `80/tcp`. */
  readonly ExposedPorts: Readonly<Record<string, object>>;
}

/**
 * An image's config (OCI image spec, config; Docker's is the same). History is left out: it stays in the
 * blob.
 */
export interface ImageConfig extends Platform {
  /** RFC 3339; absent in reproducible images. */
  readonly created?: string | undefined;
  readonly config: ContainerDefaults;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly DiffId[] };
}

/** One step in the making of an image (OCI image spec, config: history), by the field names of its JSON. */
export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** It made no layer. */
  readonly empty_layer?: boolean | undefined;
}

/** Layers before their packing: OCI's, its non-distributable ones, Docker's, and its foreign ones. */
const layerTypes = [
  mediaTypes.ociLayer,
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

/** How a layer blob is packed. */
export type LayerCompression = "none" | "gzip" | "zstd";

// Go writes an empty slice, map or pointer as null.
const text = v.pipe(v.string(), v.regex(/^[^\0]*$/, "holds a NUL byte"));
const texts = v.nullish(v.array(text), []);
const textMap = v.record(text, text);
const optionalTextMap = v.pipe(
  v.nullish(textMap),
  v.transform((value) => value ?? undefined),
);
const keySet = v.pipe(
  v.nullish(v.record(text, v.unknown()), {}),
  v.transform((value) => Object.fromEntries(Object.keys(value).map((key) => [key, {}]))),
);
const textOrEmpty = v.nullish(text, "");
const digest = v.custom<Digest>(
  (value) => typeof value === "string" && isDigest(value),
  "is not a sha256 digest",
);
const diffId = v.custom<DiffId>(
  (value) => typeof value === "string" && isDigest(value),
  "is not a sha256 digest",
);
const optionalText = v.pipe(
  v.nullish(text),
  v.transform((value) => (value === null || value === "" ? undefined : value)),
);
const count = v.pipe(v.number(), v.safeInteger("is not a whole number"), v.minValue(0, "is below 0"));

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

const containerDefaults = v.object({
  User: textOrEmpty,
  Env: texts,
  Entrypoint: texts,
  Cmd: texts,
  WorkingDir: textOrEmpty,
  Labels: v.nullish(textMap, {}),
  Volumes: keySet,
  StopSignal: textOrEmpty,
  ExposedPorts: keySet,
});

/** Of an image config as it comes, and as it is recorded. */
export const imageConfigSchema: v.GenericSchema<unknown, ImageConfig> = v.object({
  architecture: text,
  os: text,
  variant: optionalText,
  created: optionalText,
  config: v.nullish(containerDefaults, {}),
  rootfs: v.object({ type: v.literal("layers"), diff_ids: v.array(diffId) }),
});

/**
 * Reads JSON that came from outside.
 *
 * @throws {Fault} corrupt, naming `what` and the first field that is wrong
 */
function parseAs<T>(schema: v.GenericSchema<unknown, T>, value: unknown, what: string): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new Fault("corrupt", `${what} is malformed: ${schemaIssue(result.issues)}`);
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("corrupt", `${what} is not JSON in UTF-8`, { cause });
  }
}

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

/**
 * Reads an image's config.
 *
 * @throws {Fault} corrupt
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  return parseAs(imageConfigSchema, parseJson(bytes, "image config"), "image config");
}

const historyBody = v.object({
  history: v.nullish(
    v.array(
      v.object({
        created: optionalText,
        created_by: optionalText,
        author: optionalText,
        comment: optionalText,
        empty_layer: v.nullish(v.boolean(), false),
      }),
    ),
    [],
  ),
});

/** What an image's config says of its making, the first step first. @throws {Fault} corrupt */
export function parseHistory(bytes: Uint8Array): HistoryEntry[] {
  return parseAs(historyBody, parseJson(bytes, "image config"), "image config").history;
}

/**
 * How a layer of this media type is packed (OCI image spec, layer; Docker's and the non-distributable ones
 * too).
 *
 * @throws {Fault} unimplemented for media types that are not layers
 */
export function layerCompression(mediaType: string): LayerCompression {
  const { layer, packing } = partsOf(mediaType);
  if (!layerTypes.includes(layer)) {
    throw new Fault("unimplemented", `${mediaType.slice(0, 100)} is not the media type of an image layer`, {
      hint: "this is an artifact that is no container image, or one made by a newer tool",
    });
  }
  return packing === "gzip" || packing === "zstd" ? packing : "none";
}

/** True for the media types of image layers, packed or not, encrypted or not. */
export function isLayerType(mediaType: string): boolean {
  return layerTypes.includes(partsOf(mediaType.replace(/\+encrypted$/, "")).layer);
}

function partsOf(mediaType: string): { readonly layer: string; readonly packing: string | undefined } {
  const [, layer = "", packing] = /^(.*?)(?:[.+](gzip|zstd))?$/.exec(mediaType) ?? [];
  return { layer, packing };
}
