import { isFault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { FetchedManifest, RemoteRepository } from "../registry/repository.ts";
import { hexOf } from "../spec/digest.ts";
import { parseManifest } from "../spec/oci-image.ts";
import { type Reference, repositoryName } from "../spec/reference.ts";
import type { ImageSignature, LookedAt } from "./contract.ts";
import { bundleAnnotation } from "./rekor.ts";
import { signatureAnnotation } from "./sigstore.ts";

const signatureType = "application/vnd.dev.cosign.simplesigning.v1+json";
/** What cosign says of a signature that refers to its image. */
const referrerType = "application/vnd.dev.cosign.artifact.sig.v1+json";
/** Of one image, and of each kind: who signs anew keeps the old ones. */
const signaturesMax = 64;
const referrersMax = 32;
const signatureMax = 65_536;

/** The signatures that were found in one place. */
export interface FoundAt {
  readonly lookedAt: LookedAt;
  readonly signatures: readonly ImageSignature[];
}

/**
 * Looks for cosign's signatures of a manifest: attached by tag (`sha256-….sig`), and by referrers.
 *
 * @throws {Fault} what the registry says, when it doesn't say that there is none
 */
export async function findSigstore(
  repository: RemoteRepository,
  name: Reference,
  digest: Digest,
  signal: AbortSignal,
): Promise<FoundAt[]> {
  return Promise.all([
    attachedByTag(repository, name, digest, signal),
    attachedByReferrer(repository, name, digest, signal),
  ]);
}

async function attachedByTag(
  repository: RemoteRepository,
  name: Reference,
  digest: Digest,
  signal: AbortSignal,
): Promise<FoundAt> {
  const tag = `sha256-${hexOf(digest)}.sig`;
  const place = `${repositoryName(name)}:${tag}`;
  const manifest = await repository.manifest(tag, signal).catch((error: unknown) => {
    if (isFault(error, "notFound")) return undefined;
    throw error;
  });
  return manifest === undefined ? nothingAt(place) : readSignatures(manifest, place, repository, signal);
}

async function attachedByReferrer(
  repository: RemoteRepository,
  name: Reference,
  digest: Digest,
  signal: AbortSignal,
): Promise<FoundAt> {
  const place = `referrers of ${repositoryName(name)}@${digest}`;
  const referrers = await repository.referrers(digest, signal);
  const fitting = referrers.filter(({ artifactType }) => artifactType === referrerType);
  const read = await Promise.all(
    fitting.slice(0, referrersMax).map(async (one) => {
      const manifest = await repository.manifest(one.digest, signal);
      return readSignatures(manifest, `${repositoryName(name)}@${one.digest}`, repository, signal);
    }),
  );
  const signatures = read.flatMap((one) => one.signatures).slice(0, signaturesMax);
  const others = new Set(
    referrers.filter((one) => !fitting.includes(one)).map(({ artifactType = "" }) => artifactType),
  );
  const notes = read.map(({ lookedAt }) => lookedAt.note).filter((note) => note !== "");
  if (others.size > 0) notes.push(`there are others, of type ${[...others].slice(0, 3).join(", ")}`);
  return { lookedAt: { place, found: signatures.length, note: notes.join(", ") }, signatures };
}

/** The signatures in a manifest whose layers they are. What is malformed there is as if it weren't there. */
async function readSignatures(
  manifest: FetchedManifest,
  place: string,
  repository: RemoteRepository,
  signal: AbortSignal,
): Promise<FoundAt> {
  try {
    const parsed = parseManifest(manifest.bytes, manifest.mediaType);
    const layers = parsed.kind === "manifest" ? parsed.layers : [];
    const fitting = layers.filter(
      ({ mediaType, size }) => mediaType === signatureType && size <= signatureMax,
    );
    const signatures = await Promise.all(
      fitting.slice(0, signaturesMax).map(async (layer): Promise<ImageSignature> => {
        const content = await repository.smallBlob(layer, signal);
        const annotations = keptOf(layer.annotations ?? {});
        return { kind: "sigstore", place, content: content.toString("base64"), annotations };
      }),
    );
    const left = layers.length - signatures.length;
    const note = left === 0 ? "" : `${left} of its layers are no signatures, or too large`;
    return { lookedAt: { place, found: signatures.length, note }, signatures };
  } catch (error) {
    if (!isFault(error, "corrupt", "unimplemented", "notFound", "exhausted")) throw error;
    return { lookedAt: { place, found: 0, note: error.message }, signatures: [] };
  }
}

/** What of a signature's annotations is used, if it isn't too long. */
function keptOf(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const kept = [signatureAnnotation, bundleAnnotation].flatMap((name) => {
    const value = annotations[name];
    return value === undefined || value.length > signatureMax ? [] : [[name, value]];
  });
  return Object.fromEntries(kept);
}

function nothingAt(place: string): FoundAt {
  return { lookedAt: { place, found: 0, note: "" }, signatures: [] };
}
