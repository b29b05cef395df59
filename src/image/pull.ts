import { during, Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { AdmissionRules } from "../policy/contract.ts";
import { isEncrypted } from "../spec/encrypted-layer.ts";
import { formatReference, type Reference, repositoryName } from "../spec/reference.ts";
import { admitFound } from "./admit.ts";
import type { ImageRecord, PullProgress, RegistryAuth } from "./contract.ts";
import { findAtRegistry } from "./find-at-registry.ts";
import { layerCiphers } from "./layer-ciphers.ts";
import { bringLayers } from "./layers.ts";
import { endLease, holdLease } from "./leases.ts";
import type { ImageParts, UnpackParts } from "./parts.ts";
import { addNames, type ImageNames, isUnpacked, nameOf, newImageRecord, recordImage } from "./record.ts";
import { doubtfulChains, dropUntrusted } from "./recover.ts";
import type { ImageSource } from "./resolve.ts";
import type { ResolvedImage } from "./resolved.ts";
import { removeUnused, removeUnusedBlobs } from "./sweep.ts";

/** What is pulled, with whose credential, and by which rules. */
export interface RuledPull {
  readonly reference: Reference;
  readonly auth: RegistryAuth | undefined;
  readonly rules: AdmissionRules | undefined;
}

/**
 * Pulls an image: resolve, manifest for this host, config, signatures where rules want them, every missing layer at once,
 * record. The registry is asked even for what is here: whether this credential may have it, and what the tag stands for now.
 *
 * @throws {Fault} what failed, with the reference; what it has brought waits for the next pull for a while
 */
export async function pullImage(
  { reference, auth, rules }: RuledPull,
  parts: UnpackParts,
  progress: (step: PullProgress) => void,
  signal: AbortSignal,
): Promise<ImageRecord> {
  try {
    progress({ phase: "resolving" });
    rules?.requireName(reference);
    const repository = await parts.registry.repository(reference, auth);
    const digest = await repository.resolve(reference.digest ?? reference.tag ?? "latest", signal);
    if (digest !== undefined && rules === undefined) {
      const here = await nameKnown(reference, digest, parts, signal);
      if (here !== undefined) return here;
    }
    const found = await findAtRegistry(reference, { repository, digest }, parts, signal);
    const signed = rules && (await admitFound(reference, found, rules, signal));
    const names = { ...namesOf(reference, found.root.digest), ...(signed === undefined ? {} : { signed }) };
    const bringing = { source: found.source, names, resumable: true };
    return await bringImage(found.image, bringing, parts, progress, signal);
  } catch (error) {
    throw during(`pulling ${formatReference(reference)}`, error);
  }
}

/** Where an image's layers come from, and what it is to be called. */
export interface Bringing {
  readonly source: ImageSource;
  readonly names: ImageNames;
  /** Another pull may go on where this one was cut off. */
  readonly resumable?: boolean;
  /** Keeps the layers' blobs whatever the settings say. */
  readonly keepBlobs?: boolean;
}

/**
 * Brings a resolved image's layers and records it. Nothing is left when it throws, but what a lease holds.
 */
export async function bringImage(
  image: ResolvedImage,
  from: Bringing,
  parts: UnpackParts,
  progress: (step: PullProgress) => void,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const { store, snapshotter, work, settings } = parts;
  const chains = image.layers.map((layer) => layer.chainId);
  const blobs = [
    image.configDigest,
    image.manifest.digest,
    ...image.layers.flatMap(({ blob, diffId }) => [blob.digest, diffId]),
  ];
  try {
    const name = nameOf({ ...from.names, id: image.id });
    using _pins = work.pins.pin([...chains, ...blobs], `a pull or import of ${name}`);
    const present = store.records.get(image.id);
    if (
      present !== undefined &&
      isUnpacked(present, snapshotter.name, store.bootId) &&
      from.keepBlobs !== true
    ) {
      // What was deciphered before is for nobody who could not decipher it now.
      await layerCiphers(
        image.layers.map(({ blob }) => blob),
        parts,
        signal,
      );
      const named = await addNames(present.id, from.names, parts, signal);
      if (named !== undefined) return named;
    }
    await refuseDoubtful(image, parts, signal);
    if (from.resumable) await holdLease(image, from.names, parts); // recorded first
    await storeBlob(image.manifest.digest, image.manifestBytes, parts, signal);
    await storeBlob(image.configDigest, image.configBytes, parts, signal);
    const layers = { source: from.source, keepBlobs: from.keepBlobs ?? settings.keepLayerBlobs };
    const usages = await bringLayers(image, layers, parts, progress, signal);
    progress({ phase: "committing" });
    const record = await recordImage(newImageRecord(image, usages, from.names, parts), parts, signal);
    await endLease(image.id, undefined, parts);
    return record;
  } catch (error) {
    await endLease(image.id, error, parts);
    await removeUnused(chains.toReversed(), parts, new AbortController().signal);
    await removeUnusedBlobs(blobs, parts);
    throw error;
  }
}

/** The blob is pinned: it stays from here on. */
async function storeBlob(
  digest: Digest,
  bytes: Uint8Array,
  { store, work }: ImageParts,
  signal: AbortSignal,
): Promise<void> {
  using _blob = await work.digestLocks.hold(digest, signal);
  await store.content.put(bytes);
}

/**
 * Gives the image that is here under this digest the names of this pull; undefined when there is none, or one that a key is
 * needed for.
 */
async function nameKnown(
  reference: Reference,
  digest: Digest,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<ImageRecord | undefined> {
  const { store, snapshotter } = parts;
  for (const record of store.records.values()) {
    const same =
      record.manifest.digest === digest || record.digests.some((name) => name.endsWith(`@${digest}`));
    const encrypted = record.layers.some(({ blob }) => isEncrypted(blob));
    if (same && !encrypted && isUnpacked(record, snapshotter.name, store.bootId))
      return addNames(record.id, namesOf(reference, digest), parts, signal);
  }
  return undefined;
}

/** A pull by digest gives no tag, even when one was written beside it: the registry wasn't asked for that. */
function namesOf(reference: Reference, root: Digest): ImageNames {
  const tags = reference.digest === undefined ? [formatReference(reference)] : [];
  return { tags, digests: [`${repositoryName(reference)}@${root}`] };
}

/** @throws {Fault} wrongState when a layer from before a crash can't be replaced */
async function refuseDoubtful(image: ResolvedImage, parts: UnpackParts, signal: AbortSignal): Promise<void> {
  if (doubtfulChains(parts).size === 0) return;
  await dropUntrusted(parts, signal);
  const doubtful = doubtfulChains(parts);
  const stuck = image.layers.find((layer) => doubtful.has(layer.chainId));
  if (stuck === undefined) return;
  throw new Fault(
    "wrongState",
    `layer ${stuck.blob.digest} is here from before a crash, and can't be replaced`,
    {
      hint: "remove the stopped containers that were made from it",
    },
  );
}
