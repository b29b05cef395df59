import type { Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { RemoteRepository } from "../registry/repository.ts";
import type { Reference } from "../spec/reference.ts";

/** A signature as it was found, not verified. Plain data: it is recorded with the image. */
export interface ImageSignature {
  /** "simple": an OpenPGP message that holds what it signs. "sigstore": what is signed, and the signature beside it. */
  readonly kind: "simple" | "sigstore";
  /** Where it was found, for people. */
  readonly place: string;
  /** base64. */
  readonly content: string;
  /** Of a sigstore signature: itself, and what its log says. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** A place where signatures were looked for. */
export interface LookedAt {
  readonly place: string;
  /** How many signatures lie there. */
  readonly found: number;
  /** What lies there besides, or why it wasn't looked at; empty: nothing to say. */
  readonly note: string;
}

/** An image that somebody wants to use. */
export interface CandidateImage {
  /** As it was asked for. */
  readonly reference: Reference;
  /** What the reference stands for, and the manifest for this host that it leads to: a signature for either counts. */
  readonly digests: readonly Digest[];
  /** What the reference stands for, for verifiers; undefined when they have seen the image before. */
  readonly root: { readonly mediaType: string; readonly digest: Digest; readonly size: Bytes } | undefined;
  /** Where its signatures are: at the registry, or those that are recorded of it. */
  readonly signatures: RemoteRepository | readonly ImageSignature[];
}

export interface RequirementResult {
  /** Where it is in the policy: `transports.docker["quay.io/ns"][0]`. */
  readonly path: string;
  readonly type: string;
  readonly accepted: boolean;
  /** By which key, or why not. */
  readonly reason: string;
}

export interface VerifierResult {
  /** The executable's name. */
  readonly name: string;
  readonly accepted: boolean;
  /** What it printed, or how it failed. */
  readonly reason: string;
}

/** The part of a policy that holds for an image. */
export interface AppliedPolicy {
  readonly file: string;
  /** Why this file. */
  readonly because: string;
  /** `default`, `transports.docker["quay.io/ns"]`. */
  readonly path: string;
}

/** Whether an image may be used, and all that led there. */
export interface AdmissionReport {
  readonly image: string;
  readonly allowed: boolean;
  /** Undefined: no policy holds. */
  readonly policy: AppliedPolicy | undefined;
  readonly requirements: readonly RequirementResult[];
  readonly lookedAt: readonly LookedAt[];
  readonly signatures: readonly ImageSignature[];
  /** Those that were asked: none, once the policy has refused. */
  readonly verifiers: readonly VerifierResult[];
}

/** The rules that hold for the images of a namespace, as they are now. */
export interface AdmissionRules {
  /** Differs where other rules hold. */
  readonly key: string;
  /** When no image of this name may be used, whatever its signatures: why. Nothing else need be looked at then. */
  refusesName(reference: Reference): AdmissionReport | undefined;
  /** @throws {Fault} forbidden, when no image of this name may be used */
  requireName(reference: Reference): void;
  /** @throws {Fault} invalid for keys that can't be read; what a registry says that can't be asked for signatures */
  examine(image: CandidateImage, signal: AbortSignal): Promise<AdmissionReport>;
  /**
   * As `examine`, for who goes on only if the image may be used.
   *
   * @returns its signatures, to be kept: other rules may want them later
   * @throws {Fault} forbidden, naming the rule
   */
  admit(image: CandidateImage, signal: AbortSignal): Promise<readonly ImageSignature[]>;
}

/** Says which images may be used. */
export interface ImageAdmission {
  /**
   * Reads the rules anew. Undefined when there are none.
   *
   * @param namespace of Kubernetes; empty: of none
   * @throws {Fault} invalid for a malformed policy, or one that is configured and missing
   */
  rules(namespace: string): Promise<AdmissionRules | undefined>;
}
