import { during, Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { Slots } from "../base/slots.ts";
import type { Bytes } from "../base/units.ts";
import type { BlobArrival } from "../registry/push-repository.ts";
import type { Moved } from "../registry/upload.ts";
import { formatReference, parseReference, type Reference, repositoryName } from "../spec/reference.ts";
import type { ImageRecord, PushedImage, PushProgress, PushState, RegistryAuth } from "./contract.ts";
import { requireImage } from "./find.ts";
import { type AuthFor, layerBytes } from "./layer-bytes.ts";
import type { ImageParts } from "./parts.ts";
import { addNames } from "./record.ts";
import { configDigestOf } from "./resolved.ts";
import { blobsOf } from "./sweep.ts";

/** Readers of progress are people: in milliseconds, for each blob. */
const tellEvery = 100;
/** Blobs that are sent at a time, as Docker does it. */
const uploadsAtATime = 5;

const arrivals = { present: "present", mounted: "mounted", uploaded: "done" } as const;

/** What is to be pushed, and where to. */
export interface Push {
  readonly image: string;
  /** By a tag, or by the digest that the manifest has; undefined: as `image` says. */
  readonly destination: string | undefined;
  /** For the destination's registry. */
  readonly auth: RegistryAuth | undefined;
}

/**
 * Pushes an image: every blob that the repository lacks, several at once, then the manifest. A layer that was dropped
 * once it was unpacked passes through from a registry that has it.
 *
 * @throws {Fault} notFound for an image that is not here; invalid for where it can't go; what the registry said
 */
export async function pushImage(
  push: Push,
  parts: ImageParts,
  progress: (step: PushProgress) => void,
  signal: AbortSignal,
): Promise<PushedImage> {
  const record = requireImage(push.image, parts);
  const target = targetOf(push, record, parts);
  const { digest, mediaType } = record.manifest;
  try {
    using _pins = parts.work.pins.pin(blobsOf(record), `a push of ${push.image}`);
    const remote = (await parts.registry.repository(target, push.auth)).forPush();
    const blobs = await blobsOfPush(record, parts, ({ host }) =>
      host === target.host ? push.auth : undefined,
    );
    const one = ({ digest, size, open }: BlobToPush, moved: Moved, until: AbortSignal) => {
      const from = mountableFrom(digest, target, parts.store);
      return remote.blob({ digest, size, open: () => open(until) }, from, moved, until);
    };
    await pushBlobs(blobs, one, progress, signal);
    progress({ phase: "committing" });
    const bytes = await parts.store.content.read(digest, parts.settings.maxManifest);
    await remote.manifest({ mediaType, bytes }, target.digest ?? target.tag ?? "latest", signal);
  } catch (error) {
    throw during(`pushing ${formatReference(target)}`, error);
  }
  await addNames(record.id, { tags: [], digests: [`${repositoryName(target)}@${digest}`] }, parts, signal);
  const byAnother = record.digests.some((name) => !name.endsWith(`@${digest}`));
  return { reference: `${repositoryName(target)}@${digest}`, digest, byAnother };
}

/** @throws {Fault} invalid when an id is all that there is, and for another image's digest */
function targetOf({ image, destination }: Push, record: ImageRecord, parts: ImageParts): Reference {
  const target = destination === undefined ? ownName(image, record, parts) : parseReference(destination);
  if (target.digest !== undefined && target.digest !== record.manifest.digest) {
    throw new Fault(
      "invalid",
      `${formatReference(target)}: the image's manifest has digest ${record.manifest.digest}`,
      { hint: "push it to a tag: of an index with several platforms, one alone is here" },
    );
  }
  return target;
}

/** Which of the image's names it was asked for by. */
function ownName(image: string, { tags, digests }: ImageRecord, { registry }: ImageParts): Reference {
  const isId = /^sha256:|^[0-9a-f]{64}$/.test(image);
  const meant = isId ? [] : registry.candidates(image);
  const found = meant.find((reference) => [...tags, ...digests].includes(formatReference(reference)));
  if (found !== undefined) return found;
  throw new Fault("invalid", `"${image}" is an id, and names no registry`, {
    hint: "say where to push it, as in registry.example/app:1",
  });
}

interface BlobToPush {
  readonly digest: Digest;
  readonly size: Bytes;
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** The image's layers, each once, and its config. */
async function blobsOfPush(record: ImageRecord, parts: ImageParts, authFor: AuthFor): Promise<BlobToPush[]> {
  const { content } = parts.store;
  const config = configDigestOf(record);
  const layers = new Map(record.layers.map(({ blob }) => [blob.digest, blob]));
  return [
    ...[...layers.values()].map((blob) => ({
      digest: blob.digest,
      size: blob.size,
      open: (signal: AbortSignal) => layerBytes(record, blob, parts, authFor, signal),
    })),
    {
      digest: config,
      size: (await content.size(config)) ?? 0,
      open: (signal) => content.stream(config, signal),
    },
  ];
}

/** Pushes them all, and ends with the first that fails. */
async function pushBlobs(
  blobs: readonly BlobToPush[],
  push: (blob: BlobToPush, moved: Moved, signal: AbortSignal) => Promise<BlobArrival>,
  progress: (step: PushProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  const slots = new Slots(uploadsAtATime);
  let first: unknown;
  const pushes = blobs.map(async (blob) => {
    const tell = (state: PushState, done: Bytes) =>
      progress({ phase: "layer", digest: blob.digest, state, done, total: blob.size });
    tell("waiting", 0);
    try {
      using _slot = await slots.take(until);
      let told = 0;
      const moved = (sent: Bytes) => {
        if (performance.now() - told < tellEvery) return;
        told = performance.now();
        tell("pushing", sent);
      };
      tell(arrivals[await push(blob, moved, until)], blob.size);
    } catch (error) {
      if (!failed.signal.aborted) {
        first = error;
        failed.abort();
      }
    }
  });
  await Promise.all(pushes);
  if (failed.signal.aborted) throw first;
}

/** Another repository of the target's registry that has the blob, by what is known of images here. */
function mountableFrom(
  digest: Digest,
  target: Reference,
  { records }: ImageParts["store"],
): string | undefined {
  for (const record of records.values()) {
    if (!blobsOf(record).includes(digest)) continue;
    for (const name of record.digests) {
      const { host, repository } = parseReference(name);
      if (host === target.host && repository !== target.repository) return repository;
    }
  }
  return undefined;
}
