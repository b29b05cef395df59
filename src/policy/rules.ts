import { type ApplicableRequirements, requirementsFor } from "../spec/policy/policy-scope.ts";
import { formatReference, type Reference } from "../spec/reference.ts";
import type {
  AdmissionReport,
  AdmissionRules,
  AppliedPolicy,
  CandidateImage,
  ImageSignature,
  LookedAt,
} from "./contract.ts";
import { findSigstore } from "./find-signatures.ts";
import { findSimple } from "./find-simple.ts";
import type { AdmissionOptions } from "./parts.ts";
import { PolicyFiles, type ReadPolicy } from "./policy-files.ts";
import { refusalOf } from "./refusal.ts";
import { judge, judgeByName, kindWanted } from "./requirement.ts";
import { askVerifiers, findVerifiers } from "./verifiers.ts";

/** What is recorded of one image at most, in characters: a stranger's registry says how many signatures there are. */
const keptMax = 262_144;

type Kinds = ReadonlySet<ImageSignature["kind"]>;

/**
 * Reads what holds in a namespace: its policy, and the verifiers.
 *
 * @throws {Fault} as `ImageAdmission.rules` does
 */
export async function readRules(
  namespace: string,
  options: AdmissionOptions,
): Promise<AdmissionRules | undefined> {
  const files = new PolicyFiles(options.settings);
  const policy = await files.forNamespace(namespace);
  const verifiers = await findVerifiers(options.settings.verifiers);
  return policy === undefined && verifiers.length === 0
    ? undefined
    : new Rules({ files, policy, verifiers }, options);
}

class Rules implements AdmissionRules {
  readonly key: string;
  readonly #files: PolicyFiles;
  readonly #read: ReadPolicy | undefined;
  readonly #verifiers: readonly string[];
  readonly #options: AdmissionOptions;

  constructor(
    found: { files: PolicyFiles; policy: ReadPolicy | undefined; verifiers: readonly string[] },
    options: AdmissionOptions,
  ) {
    this.key = found.policy?.file ?? "";
    this.#files = found.files;
    this.#read = found.policy;
    this.#verifiers = found.verifiers;
    this.#options = options;
  }

  refusesName(reference: Reference): AdmissionReport | undefined {
    const [policy, applicable] = this.#applied(reference);
    const requirements = (applicable?.requirements ?? []).flatMap((requirement, index) => {
      const result = judgeByName(requirement, `${policy?.path}[${index}]`);
      return result?.accepted === false ? [result] : [];
    });
    if (requirements.length === 0) return undefined;
    const nothing = { lookedAt: [], signatures: [], verifiers: [] };
    return { image: formatReference(reference), allowed: false, policy, requirements, ...nothing };
  }

  requireName(reference: Reference): void {
    const refused = this.refusesName(reference);
    if (refused !== undefined) throw refusalOf(refused);
  }

  async admit(image: CandidateImage, signal: AbortSignal): Promise<readonly ImageSignature[]> {
    const report = await this.examine(image, signal);
    if (!report.allowed) throw refusalOf(report);
    return keptOf(report.signatures);
  }

  async examine(image: CandidateImage, signal: AbortSignal): Promise<AdmissionReport> {
    const { reference, root } = image;
    const [policy, applicable] = this.#applied(reference);
    const requirements = applicable?.requirements ?? [];
    const needed: Kinds = new Set(requirements.map(kindWanted).filter((kind) => kind !== undefined));
    const { signatures, lookedAt } = await this.#signaturesOf(image, needed, signal);
    const evidence = { image, signatures, lookedAt, gpg: this.#options.gpg };
    const results = await Promise.all(
      requirements.map((requirement, index) =>
        judge(requirement, `${policy?.path}[${index}]`, evidence, signal),
      ),
    );
    const accepted = results.every((result) => result.accepted);
    const verifiers =
      accepted && root !== undefined
        ? await askVerifiers(this.#verifiers, { reference, root }, this.#options.verifying, signal)
        : [];
    return {
      image: formatReference(reference),
      allowed: accepted && verifiers.every((result) => result.accepted),
      policy,
      requirements: results,
      lookedAt,
      signatures,
      verifiers,
    };
  }

  #applied(reference: Reference): [AppliedPolicy, ApplicableRequirements] | [undefined, undefined] {
    if (this.#read === undefined) return [undefined, undefined];
    const { file, because, policy } = this.#read;
    const applicable = requirementsFor(policy, reference);
    return [{ file, because, path: applicable.path }, applicable];
  }

  /** Of the kinds that are needed, and of those that other namespaces' policies will want of this image later. */
  async #signaturesOf(
    { reference, digests, signatures: source }: CandidateImage,
    needed: Kinds,
    signal: AbortSignal,
  ): Promise<{ signatures: readonly ImageSignature[]; lookedAt: readonly LookedAt[] }> {
    if (!("referrers" in source)) return { signatures: source, lookedAt: [] };
    const wanted = await this.#wantedByAny(reference);
    const found = await Promise.all(
      [...new Set(digests)].flatMap((digest) => {
        const looks = {
          sigstore: () => findSigstore(source, reference, digest, signal),
          simple: async () => [await findSimple(reference, digest, this.#options.lookaside, signal)],
        };
        return (["sigstore", "simple"] as const).map((kind) => {
          if (needed.has(kind)) return looks[kind]();
          // What nobody needs now is no reason to fail.
          return wanted.has(kind) ? looks[kind]().catch(() => []) : [];
        });
      }),
    );
    return {
      signatures: found.flat().flatMap((one) => one.signatures),
      lookedAt: found.flat().map((one) => one.lookedAt),
    };
  }

  async #wantedByAny(reference: Reference): Promise<Kinds> {
    const all = await this.#files.all();
    const requirements = all.flatMap(({ policy }) => requirementsFor(policy, reference).requirements);
    return new Set(requirements.map(kindWanted).filter((kind) => kind !== undefined));
  }
}

function keptOf(signatures: readonly ImageSignature[]): ImageSignature[] {
  const kept: ImageSignature[] = [];
  let size = 0;
  for (const one of signatures) {
    size += one.content.length + Object.values(one.annotations).reduce((sum, text) => sum + text.length, 0);
    if (size > keptMax) break;
    kept.push(one);
  }
  return kept;
}
