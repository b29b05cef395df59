import { Fault, isFault } from "../base/fault.ts";
import type { PolicyRequirement } from "../spec/policy/policy.ts";
import { parseSignedClaim, type SignedClaim } from "../spec/policy/signature-payload.ts";
import { identityMatches, type SignedIdentity } from "../spec/policy/signed-identity.ts";
import { formatReference } from "../spec/reference.ts";
import type { CandidateImage, ImageSignature, LookedAt, RequirementResult } from "./contract.ts";
import { type GpgOptions, verifyMessage } from "./gpg.ts";
import { readKeys } from "./key-source.ts";
import { keysInLog } from "./rekor.ts";
import { keyThatSigned, signatureOf, type VerifyingKey, verifyingKey } from "./sigstore.ts";

type UnsignedRequirement = Exclude<PolicyRequirement, { type: "signedBy" | "sigstoreSigned" }>;
type Image = Pick<CandidateImage, "reference" | "digests">;

/** The signatures that requirements of this type are met by; undefined: by none, or without. */
export function kindWanted({ type }: PolicyRequirement): ImageSignature["kind"] | undefined {
  if (type === "signedBy") return "simple";
  return type === "sigstoreSigned" ? "sigstore" : undefined;
}

/** What requirements are judged by. */
export interface Evidence {
  readonly image: Image;
  readonly signatures: readonly ImageSignature[];
  readonly lookedAt: readonly LookedAt[];
  readonly gpg: GpgOptions;
}

/**
 * Judges one requirement; one signature is enough that meets it whole.
 *
 * @throws {Fault} invalid for keys that can't be read; unavailable when there is nothing to verify with
 */
export async function judge(
  requirement: PolicyRequirement,
  path: string,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<RequirementResult> {
  const { type } = requirement;
  switch (requirement.type) {
    case "insecureAcceptAnything":
    case "reject":
    case "unsupported":
      return judgeByName(requirement, path);
    case "sigstoreSigned": {
      const keys = (await readKeys(requirement.keys, path)).map(verifyingKey);
      const logs = requirement.rekor && (await readKeys(requirement.rekor, path)).map(verifyingKey);
      const verify = (found: ImageSignature) => verifySigstore(found, keys, logs);
      return { path, type, ...(await firstAccepted("sigstore", requirement.identity, evidence, verify)) };
    }
    case "signedBy": {
      const keys = await readKeys(requirement.keys, path);
      const verify = async (found: ImageSignature) => {
        const message = Buffer.from(found.content, "base64");
        const { content, fingerprint } = await verifyMessage(message, keys, evidence.gpg, signal);
        return { content, by: `the GPG key ${fingerprint}` };
      };
      return { path, type, ...(await firstAccepted("simple", requirement.identity, evidence, verify)) };
    }
  }
}

/** Judges a requirement that no signature matters to; undefined for others. */
export function judgeByName(requirement: UnsignedRequirement, path: string): RequirementResult;
export function judgeByName(requirement: PolicyRequirement, path: string): RequirementResult | undefined;
export function judgeByName(requirement: PolicyRequirement, path: string): RequirementResult | undefined {
  const { type } = requirement;
  switch (type) {
    case "insecureAcceptAnything":
      return { path, type, accepted: true, reason: "any image is accepted" };
    case "reject":
      return { path, type, accepted: false, reason: "no image is accepted" };
    case "unsupported":
      return { path, type: requirement.what, accepted: false, reason: "berth does not support it" };
    default:
      return undefined;
  }
}

/** What was signed, and by whom. */
interface Verified {
  readonly content: Uint8Array;
  readonly by: string;
}

/** @param verify throws {Fault} corrupt, for a signature that is none of the trusted */
async function firstAccepted(
  kind: ImageSignature["kind"],
  identity: SignedIdentity,
  { image, signatures, lookedAt }: Evidence,
  verify: (found: ImageSignature) => Verified | Promise<Verified>,
): Promise<Pick<RequirementResult, "accepted" | "reason">> {
  const refused: string[] = [];
  for (const found of signatures.filter((one) => one.kind === kind)) {
    try {
      const { content, by } = await verify(found);
      checkClaim(parseSignedClaim(content, kind), identity, image);
      return { accepted: true, reason: `signed by ${by}: ${found.place}` };
    } catch (error) {
      if (!isFault(error, "corrupt")) throw error;
      refused.push(`${found.place}: ${error.message}`);
    }
  }
  if (refused.length > 0) return { accepted: false, reason: refused.join("; ") };
  const places = lookedAt.map(({ place, note }) => (note === "" ? place : `${place} (${note})`));
  const where = places.length === 0 ? "" : `; looked at ${places.join(", ")}`;
  const wanted = kind === "simple" ? "simple signing" : "sigstore";
  return { accepted: false, reason: `there is no ${wanted} signature of it${where}` };
}

/** @throws {Fault} corrupt when the keys did not make this signature, or no log has it */
function verifySigstore(
  found: ImageSignature,
  keys: readonly VerifyingKey[],
  logs: readonly VerifyingKey[] | undefined,
): Verified {
  const payload = Buffer.from(found.content, "base64");
  const signature = signatureOf(found);
  const counting = logs === undefined ? keys : keysInLog(found, { payload, signature }, keys, logs);
  const key = keyThatSigned(payload, signature, counting);
  if (key !== undefined) return { content: payload, by: key.name };
  const names = keys.map(({ name }) => name).join(", ");
  throw new Fault("corrupt", `it was not made with ${names}`);
}

/** @throws {Fault} corrupt when what is signed is another image, or this one by another name */
function checkClaim({ digest, reference: name }: SignedClaim, identity: SignedIdentity, image: Image): void {
  if (!image.digests.some((own) => own === digest)) {
    throw new Fault("corrupt", `it is for ${shown(digest)}, not for ${image.digests.join(" or ")}`);
  }
  if (identityMatches(identity, image.reference, name)) return;
  const own = formatReference(image.reference);
  throw new Fault(
    "corrupt",
    `it is for the name ${shown(name)}, which does not count for ${own} (${identity.type})`,
  );
}

/** A stranger's text, short and without control characters. */
function shown(text: string): string {
  return JSON.stringify(text.replace(/[\p{Cc}\p{Cf}]+/gu, " ").slice(0, 300));
}
