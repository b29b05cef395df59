import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { schemaIssue } from "../spec/schema-issue.ts";
import { parseStrictJson } from "../spec/strict-json.ts";
import type { ImageSignature } from "./contract.ts";
import type { VerifyingKey } from "./sigstore.ts";

/** Where a signature says that the log has it: Rekor's promise, signed (SET). */
export const bundleAnnotation = "dev.sigstore.cosign/bundle";

const base64 = v.pipe(
  v.string(),
  v.base64("is not base64"),
  v.transform((value) => Buffer.from(value, "base64")),
);
const whole = v.pipe(v.number(), v.safeInteger("is not a whole number"));
const bundle = v.strictObject({
  SignedEntryTimestamp: base64,
  Payload: v.strictObject({ body: v.string(), integratedTime: whole, logIndex: whole, logID: v.string() }),
});
const entry = v.object({
  apiVersion: v.literal("0.0.1"),
  kind: v.literal("hashedrekord"),
  spec: v.object({
    data: v.object({ hash: v.object({ algorithm: v.literal("sha256"), value: v.string() }) }),
    signature: v.object({ content: base64, publicKey: v.object({ content: base64 }) }),
  }),
});

/** What the log must have an entry of. */
export interface LoggedSignature {
  readonly payload: Uint8Array;
  readonly signature: Buffer;
}

/**
 * Looks whether a log promises an entry for this signature, made with one of `keys`. The promise is enough: the log itself
 * is not asked.
 *
 * @param logs public keys of the logs that count
 * @returns those of `keys` that the entry is about
 * @throws {Fault} corrupt for what is no promise, or one for something else
 */
export function keysInLog(
  { annotations }: ImageSignature,
  { payload, signature }: LoggedSignature,
  keys: readonly VerifyingKey[],
  logs: readonly VerifyingKey[],
): VerifyingKey[] {
  const text = annotations[bundleAnnotation];
  if (text === undefined)
    throw new Fault("corrupt", `it has no annotation ${bundleAnnotation}: no log promises to have it`);
  const { SignedEntryTimestamp: promise, Payload } = readAs(bundle, text, bundleAnnotation);
  // The fields in the order and form of RFC 8785, which JSON.stringify has for these.
  const { body, integratedTime, logID, logIndex } = Payload;
  const signed = Buffer.from(JSON.stringify({ body, integratedTime, logID, logIndex }));
  if (!logs.some(({ key, hashes }) => hashes.some((hash) => verify(hash, signed, key, promise))))
    throw new Fault("corrupt", `its annotation ${bundleAnnotation} was not signed by a log of the policy`);
  const { spec } = readAs(entry, Buffer.from(body, "base64").toString(), "the log's entry");
  if (!spec.signature.content.equals(signature))
    throw new Fault("corrupt", "the log's entry is for another signature");
  if (spec.data.hash.value !== createHash("sha256").update(payload).digest("hex"))
    throw new Fault("corrupt", "the log's entry is for other content");
  const logged = publicKeyOf(spec.signature.publicKey.content);
  return keys.filter(({ key }) => key.equals(logged));
}

function publicKeyOf(pem: Buffer): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new Fault("corrupt", "the log's entry holds no public key");
  }
}

function readAs<T>(schema: v.GenericSchema<unknown, T>, json: string, what: string): T {
  let value: unknown;
  try {
    value = parseStrictJson(json);
  } catch (cause) {
    throw new Fault("corrupt", `${what} is not JSON`, { cause });
  }
  const read = v.safeParse(schema, value, { abortEarly: true });
  if (!read.success) throw new Fault("corrupt", `${what} is malformed: ${schemaIssue(read.issues)}`);
  return read.output;
}
