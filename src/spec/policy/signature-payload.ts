import * as v from "valibot";
import { Fault } from "../../base/fault.ts";
import { schemaIssue } from "../schema-issue.ts";
import { keyPath, parseStrictJson } from "../strict-json.ts";

/** What a signature says (containers-signature(5), JSON data format; cosign's is the same with another type). */
export interface SignedClaim {
  /** The digest of the manifest or index that is signed. Not checked to be one. */
  readonly digest: string;
  /** The name that it is signed for. */
  readonly reference: string;
}

const types = { simple: "atomic container signature", sigstore: "cosign container image signature" } as const;

const payload = v.strictObject({
  critical: v.strictObject({
    type: v.string(),
    image: v.strictObject({ "docker-manifest-digest": v.string() }),
    identity: v.strictObject({ "docker-reference": v.string() }),
  }),
  // cosign writes null where it has none.
  optional: v.nullable(
    v.looseObject({ timestamp: v.optional(v.pipe(v.number(), v.integer("is not a whole number"))) }),
  ),
});

/**
 * Reads what was signed. Only for bytes whose signature has been verified.
 *
 * @throws {Fault} corrupt
 */
export function parseSignedClaim(bytes: Uint8Array, kind: keyof typeof types): SignedClaim {
  let value: unknown;
  try {
    value = parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("corrupt", "what it signs is not JSON in UTF-8", { cause });
  }
  const read = v.safeParse(payload, value, { abortEarly: true });
  if (!read.success)
    throw new Fault("corrupt", `what it signs is malformed: ${schemaIssue(read.issues, keyPath)}`);
  const { type, image, identity } = read.output.critical;
  if (type !== types[kind]) throw new Fault("corrupt", `it is not of type "${types[kind]}"`);
  return { digest: image["docker-manifest-digest"], reference: identity["docker-reference"] };
}
