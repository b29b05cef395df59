import * as v from "valibot";
import type { DiffId } from "../base/ids.ts";
import { isDigest } from "./digest.ts";
import { optionalText, parseAs, parseJson, text, textMap } from "./oci-fields.ts";
import type { Platform } from "./oci-image.ts";

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

// Go writes an empty slice, map or pointer as null.
const texts = v.nullish(v.array(text), []);
const textOrEmpty = v.nullish(text, "");
const keySet = v.pipe(
  v.nullish(v.record(text, v.unknown()), {}),
  v.transform((value) => Object.fromEntries(Object.keys(value).map((key) => [key, {}]))),
);
const diffId = v.custom<DiffId>(
  (value) => typeof value === "string" && isDigest(value),
  "is not a sha256 digest",
);

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
