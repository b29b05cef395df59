import * as v from "valibot";
import { Fault } from "../../base/fault.ts";
import { schemaIssue } from "../schema-issue.ts";
import { keyPath, parseStrictJson } from "../strict-json.ts";
import { repositoryOf, type SignedIdentity, tagOrDigestOf } from "./signed-identity.ts";

/** Where a requirement's keys come from. */
export type KeySource =
  /** Absolute paths of files. */
  | { readonly paths: readonly string[] }
  /** The keys themselves, decoded. */
  | { readonly data: readonly Buffer[] };

/** What an image must be like to be used (containers-policy.json(5), Policy Requirements). */
export type PolicyRequirement =
  | { readonly type: "insecureAcceptAnything" | "reject" }
  /** Simple signing by one of these GPG keys. */
  | { readonly type: "signedBy"; readonly keys: KeySource; readonly identity: SignedIdentity }
  /** A sigstore (cosign) signature by one of these public keys; in the log of one of `rekor`, where that is given. */
  | {
      readonly type: "sigstoreSigned";
      readonly keys: KeySource;
      readonly rekor: KeySource | undefined;
      readonly identity: SignedIdentity;
    }
  /** Known to the format, but not to berth: no image meets it. */
  | { readonly type: "unsupported"; readonly what: string };

/** Requirements by scope; the empty scope is all of the transport. */
export type PolicyScopes = ReadonlyMap<string, readonly PolicyRequirement[]>;

/** A signature verification policy (containers-policy.json(5)). */
export interface Policy {
  readonly default: readonly PolicyRequirement[];
  readonly transports: ReadonlyMap<string, PolicyScopes>;
}

const text = v.pipe(v.string(), v.nonEmpty("is empty"));
const path = v.pipe(text, v.regex(/^\//, "is not an absolute path"));
const paths = v.pipe(v.array(path), v.minLength(1, "is empty"));
const base64 = v.pipe(
  text,
  v.base64("is not base64"),
  v.transform((value) => Buffer.from(value, "base64")),
);
const base64s = v.pipe(v.array(base64), v.minLength(1, "is empty"));
const reference = v.pipe(
  text,
  v.check((value) => tagOrDigestOf(value) !== undefined, "is no image reference with a tag or digest"),
);
const repository = v.pipe(
  text,
  v.check((value) => repositoryOf(value) !== undefined, "is no image reference"),
);
/** A host, or a name below one. */
const prefix = v.pipe(
  text,
  v.regex(/^[A-Za-z0-9.-]+(:[0-9]+)?(\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/, "is no host or repository"),
);

const identity: v.GenericSchema<unknown, SignedIdentity> = v.variant("type", [
  v.strictObject({ type: v.picklist(["matchExact", "matchRepoDigestOrExact", "matchRepository"]) }),
  v.strictObject({ type: v.literal("exactReference"), dockerReference: reference }),
  v.strictObject({ type: v.literal("exactRepository"), dockerRepository: repository }),
  v.strictObject({ type: v.literal("remapIdentity"), prefix, signedPrefix: prefix }),
]);
const signedIdentity = v.optional(identity, { type: "matchRepoDigestOrExact" });

const unsupportedKeyTypes = ["signedByGPGKeys", "X509Certificates", "signedByX509CAs"] as const;
const signedBy = v.pipe(
  v.strictObject({
    type: v.literal("signedBy"),
    keyType: v.picklist(["GPGKeys", ...unsupportedKeyTypes]),
    keyPath: v.optional(path),
    keyPaths: v.optional(paths),
    keyData: v.optional(base64),
    signedIdentity,
  }),
  v.check((given) => count(given.keyPath, given.keyPaths, given.keyData) === 1, keysMissing("keyData")),
  v.transform(({ type, keyType, keyPath: path, keyPaths, keyData, signedIdentity }): PolicyRequirement => {
    const keys = sourceOf(path, keyPaths, keyData, undefined);
    if (keyType !== "GPGKeys" || keys === undefined)
      return { type: "unsupported", what: `keyType "${keyType}"` };
    return { type, keys, identity: signedIdentity };
  }),
);

/** Certificates of a CA: read no further, as no image can meet a requirement that has them. */
const certificates = v.optional(v.looseObject({}));
const sigstoreSigned = v.pipe(
  v.strictObject({
    type: v.literal("sigstoreSigned"),
    keyPath: v.optional(path),
    keyPaths: v.optional(paths),
    keyData: v.optional(base64),
    keyDatas: v.optional(base64s),
    fulcio: certificates,
    pki: certificates,
    rekorPublicKeyPath: v.optional(path),
    rekorPublicKeyPaths: v.optional(paths),
    rekorPublicKeyData: v.optional(base64),
    rekorPublicKeyDatas: v.optional(base64s),
    signedIdentity,
  }),
  v.check(
    ({ keyPath, keyPaths, keyData, keyDatas, fulcio, pki }) =>
      count(keyPath, keyPaths, keyData, keyDatas, fulcio, pki) === 1,
    keysMissing("keyData, keyDatas, fulcio, pki"),
  ),
  v.check(
    ({ rekorPublicKeyPath, rekorPublicKeyPaths, rekorPublicKeyData, rekorPublicKeyDatas }) =>
      count(rekorPublicKeyPath, rekorPublicKeyPaths, rekorPublicKeyData, rekorPublicKeyDatas) <= 1,
    "has Rekor's public key in more than one way",
  ),
  v.transform((given): PolicyRequirement => {
    const keys = sourceOf(given.keyPath, given.keyPaths, given.keyData, given.keyDatas);
    if (keys === undefined)
      return { type: "unsupported", what: given.fulcio === undefined ? "pki" : "fulcio" };
    const rekor = sourceOf(
      given.rekorPublicKeyPath,
      given.rekorPublicKeyPaths,
      given.rekorPublicKeyData,
      given.rekorPublicKeyDatas,
    );
    return { type: given.type, keys, rekor, identity: given.signedIdentity };
  }),
);

const requirement: v.GenericSchema<unknown, PolicyRequirement> = v.variant("type", [
  v.strictObject({ type: v.picklist(["insecureAcceptAnything", "reject"]) }),
  signedBy,
  sigstoreSigned,
  v.pipe(
    v.strictObject({ type: v.literal("signedBaseLayer"), baseLayerIdentity: identity }),
    v.transform(({ type }): PolicyRequirement => ({ type: "unsupported", what: type })),
  ),
]);
const requirements = v.pipe(
  v.array(requirement),
  v.minLength(1, "is empty: at least one requirement belongs here"),
);
const scopes = v.record(v.string(), requirements);
const policyFile = v.strictObject({
  default: requirements,
  transports: v.optional(v.record(v.string(), scopes), {}),
});

/**
 * Reads a policy. As the format wants it, nothing is passed over: a field that isn't known, or is there twice, spoils it.
 *
 * @throws {Fault} invalid, naming `file` and the key
 */
export function parsePolicy(json: string, file: string): Policy {
  let value: unknown;
  try {
    value = parseStrictJson(json);
  } catch (error) {
    throw new Fault(
      "invalid",
      `the policy ${file} is not JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
  const read = v.safeParse(policyFile, value, { abortEarly: true });
  if (!read.success) {
    throw new Fault("invalid", `the policy ${file} is malformed: ${schemaIssue(read.issues, keyPath)}`);
  }
  const { default: byDefault, transports } = read.output;
  const byTransport = Object.entries(transports).map(
    ([name, all]) => [name, new Map(Object.entries(all))] as const,
  );
  return { default: byDefault, transports: new Map(byTransport) };
}

function keysMissing(more: string): string {
  return `has not exactly one of keyPath, keyPaths, ${more}`;
}

function count(...given: readonly unknown[]): number {
  return given.filter((value) => value !== undefined).length;
}

function sourceOf(
  path: string | undefined,
  paths: readonly string[] | undefined,
  data: Buffer | undefined,
  datas: readonly Buffer[] | undefined,
): KeySource | undefined {
  const files = paths ?? (path === undefined ? undefined : [path]);
  if (files !== undefined) return { paths: files };
  const bytes = datas ?? (data === undefined ? undefined : [data]);
  return bytes === undefined ? undefined : { data: bytes };
}
