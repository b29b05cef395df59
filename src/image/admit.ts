import { during, Fault, isFault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { AdmissionReport, AdmissionRules, CandidateImage } from "../policy/contract.ts";
import { formatReference, parseReference, type Reference } from "../spec/reference.ts";
import type { ImageRecord, PullOptions, SignedManifests } from "./contract.ts";
import { findAtRegistry, type RegistryImage } from "./find-at-registry.ts";
import type { ImageParts } from "./parts.ts";
import { addNames } from "./record.ts";
import { chooseName } from "./short-names.ts";

/**
 * Goes on only if the rules let this image be used.
 *
 * @returns what it may be judged by later
 * @throws {Fault} forbidden, naming the rule
 */
export async function admitFound(
  reference: Reference,
  found: RegistryImage,
  rules: AdmissionRules,
  signal: AbortSignal,
): Promise<SignedManifests> {
  const candidate = candidateOf(reference, found);
  return { digests: candidate.digests, signatures: await rules.admit(candidate, signal) };
}

/** What the rules say of an image at its registry: its layers are not fetched. */
export async function testAdmission(
  name: string,
  { auth, namespace = "" }: PullOptions,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<AdmissionReport> {
  const rules = await parts.admission?.rules(namespace);
  const candidates = parts.registry.candidates(name);
  const refusals = candidates.map((candidate) => rules?.refusesName(candidate));
  const [refused] = refusals;
  if (refused !== undefined && !refusals.includes(undefined)) return refused;
  const { reference, auth: own } = await chooseName(candidates, auth, parts, signal);
  const repository = await parts.registry.repository(reference, own);
  const found = await findAtRegistry(reference, { repository, digest: undefined }, parts, signal);
  return rules === undefined ? unruled(reference) : rules.examine(candidateOf(reference, found), signal);
}

/**
 * For an image that is here. Signatures that aren't on record are looked for at the registry, with the credentials that the
 * node has itself.
 *
 * @param named what the image was asked for by: a reference or its id
 * @throws {Fault} forbidden, naming the rule; invalid for malformed rules
 */
export async function requireAllowed(
  image: ImageRecord,
  { named, namespace }: { readonly named: string; readonly namespace: string },
  parts: ImageParts,
  signal: AbortSignal,
): Promise<void> {
  const rules = await parts.admission?.rules(namespace);
  if (rules === undefined) return;
  const digests = [...new Set([...digestsOf(image), ...(image.signed?.digests ?? [])])];
  const signatures = image.signed?.signatures ?? [];
  const references = referencesOf(image, named, parts);
  for (const reference of references) {
    const report = await rules.examine({ reference, digests, root: undefined, signatures }, signal);
    if (report.allowed) return;
  }
  const [reference] = references;
  if (reference === undefined)
    throw new Fault("forbidden", `image ${named} has no name here that the rules could judge it by`);
  try {
    rules.requireName(reference);
    const repository = await parts.registry.repository(reference, undefined);
    const candidate = { reference, digests, root: undefined, signatures: repository };
    const signed = { digests, signatures: await rules.admit(candidate, signal) };
    await addNames(image.id, { tags: [], digests: [], signed }, parts, signal);
  } catch (error) {
    const looking = isFault(error, "forbidden", "invalid")
      ? ""
      : "; looking for its signatures at the registry";
    throw during(`image ${named} is on this node, but may not be used${looking}`, error);
  }
}

function candidateOf(reference: Reference, { repository, root, image }: RegistryImage): CandidateImage {
  const digests = [...new Set([root.digest, image.manifest.digest])];
  return { reference, digests, root, signatures: repository };
}

function digestsOf({ digests, manifest }: ImageRecord): Digest[] {
  return [manifest.digest, ...digests.flatMap((name) => parseReference(name).digest ?? [])];
}

/**
 * What an image is judged as: the name that it was asked for by, of what a short one may mean that which it has. Of one that
 * was asked for by its id, any that it has.
 */
function referencesOf({ id, tags, digests }: ImageRecord, named: string, parts: ImageParts): Reference[] {
  const names = [...tags, ...digests];
  const hex = named.replace(/^sha256:/, "");
  if (/^[0-9a-f]+$/.test(hex) && id.startsWith(`sha256:${hex}`)) return names.map(parseReference);
  const candidates = parts.registry.candidates(named);
  const own = candidates.filter((candidate) => names.includes(formatReference(candidate)));
  return own.length > 0 ? own : candidates.slice(0, 1);
}

function unruled(reference: Reference): AdmissionReport {
  const image = formatReference(reference);
  return {
    image,
    allowed: true,
    policy: undefined,
    requirements: [],
    lookedAt: [],
    signatures: [],
    verifiers: [],
  };
}
