import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import type { Descriptor } from "./oci-image.ts";
import { schemaIssue } from "./schema-issue.ts";

/** What the media type of an encrypted layer has behind that of the layer itself. */
const suffix = "+encrypted";
const prefix = "org.opencontainers.image.enc.";
const wrappedMax = 64;

/** True for layers that a key is needed for (ocicrypt, docs/spec). */
export function isEncrypted({ mediaType }: Pick<Descriptor, "mediaType">): boolean {
  return mediaType.endsWith(suffix);
}

/** The media type of the layer once it is deciphered. */
export function plainMediaType(mediaType: string): string {
  return mediaType.endsWith(suffix) ? mediaType.slice(0, -suffix.length) : mediaType;
}

/** What is needed of a layer's annotations to decipher it, for who has no manifest at hand. */
export function encryptionAnnotations({ annotations = {} }: Descriptor): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => name.startsWith(prefix)));
}

/** The layer's key, wrapped for somebody. */
export interface WrappedKey {
  /** How: `jwe`, `pgp`, `pkcs7`, `pkcs11`, `provider.<name>`. */
  readonly scheme: string;
  /** As the scheme has it. */
  readonly bytes: Buffer;
}

/** How a layer is encrypted, as anybody may know it. */
export interface LayerEncryption {
  readonly wrapped: readonly WrappedKey[];
  /** Of the enciphered bytes. */
  readonly hmac: Buffer;
  readonly nonce: Buffer | undefined;
}

/** What only who can unwrap a key knows. */
export interface LayerKey {
  readonly key: Buffer;
  readonly nonce: Buffer | undefined;
}

const base64 = v.pipe(
  v.string(),
  v.base64("is not base64"),
  v.transform((text) => Buffer.from(text, "base64")),
);
const cipherOptions = v.nullish(v.object({ nonce: v.optional(base64) }), {});
const publicOptions = v.object({
  cipher: v.literal("AES_256_CTR_HMAC_SHA256"),
  hmac: v.pipe(base64, v.length(32, "is not 32 bytes long")),
  cipheroptions: cipherOptions,
});
const privateOptions = v.object({
  symkey: v.pipe(base64, v.length(32, "is not 32 bytes long")),
  cipheroptions: cipherOptions,
});

/** Reads the annotations of an encrypted layer. @throws {Fault} corrupt */
export function parseLayerEncryption({ digest, annotations = {} }: Descriptor): LayerEncryption {
  const wrapped = Object.entries(annotations).flatMap(([name, text]): WrappedKey[] => {
    if (!name.startsWith(`${prefix}keys.`)) return [];
    const scheme = name.slice(`${prefix}keys.`.length);
    return text.split(",").map((each) => ({ scheme, bytes: Buffer.from(each, "base64") }));
  });
  if (wrapped.length === 0)
    throw new Fault("corrupt", `layer ${digest} is encrypted, but its key is nowhere`);
  const text = annotations[`${prefix}pubopts`];
  if (text === undefined) throw new Fault("corrupt", `layer ${digest} does not say how it is encrypted`);
  const what = `annotation ${prefix}pubopts of layer ${digest}`;
  const { hmac, cipheroptions } = readAs(publicOptions, Buffer.from(text, "base64"), what);
  return { wrapped: wrapped.slice(0, wrappedMax), hmac, nonce: cipheroptions?.nonce };
}

/** Reads what was wrapped. What is wrong with it is told without it. @throws {Fault} corrupt */
export function parseLayerKey(bytes: Uint8Array): LayerKey {
  const { symkey, cipheroptions } = readAs(privateOptions, bytes, "what was wrapped");
  return { key: symkey, nonce: cipheroptions?.nonce };
}

function readAs<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    // The parser quotes what it reads.
    throw new Fault("corrupt", `${what} is not JSON`);
  }
  const read = v.safeParse(schema, value, { abortEarly: true });
  if (!read.success) throw new Fault("corrupt", `${what} is malformed: ${schemaIssue(read.issues)}`);
  return read.output;
}
