import { randomBytes } from "node:crypto";
import { waitFor } from "../base/deadline.ts";
import { during, Fault, isFault } from "../base/fault.ts";
import type { ChainId, DiffId } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { LayerOffer, SnapshotUsage } from "../snapshot/contract.ts";
import type { LayerCipher, UnpackedLayer } from "../snapshot/unpack-contract.ts";
import type { ArtifactContent } from "../spec/artifact.ts";
import { plainMediaType } from "../spec/encrypted-layer.ts";
import { layerCompression } from "../spec/oci-layer.ts";
import type { LayerStep } from "./contract.ts";
import { hasBlob, openBlob, type WantedBlob } from "./layer-blob.ts";
import { layerKey, type UnpackParts } from "./parts.ts";
import { bringUnlessProvided } from "./provide.ts";
import { RateWatch } from "./rate-watch.ts";

/** One layer to be brought here, and the chain that it completes. */
export interface LayerJob extends WantedBlob {
  readonly chainId: ChainId;
  readonly parent: ChainId | undefined;
  readonly diffId: DiffId;
  /** Of an encrypted blob. */
  readonly cipher: LayerCipher | undefined;
  readonly artifact?: ArtifactContent;
  /** What a snapshotter may get at the layer by; absent: it can't. */
  readonly offer: LayerOffer | undefined;
  /** What was fetched is not what it should be. True if another place is left to fetch it from. */
  distrust(): boolean;
}

/**
 * Fetches, unpacks and commits one layer; the work of a flight in `LayerWork`. What comes with another content is
 * fetched again from the next host, and once from the same one if some of it had come at an earlier try. When it throws,
 * nothing is left but what has come of a fetched blob.
 *
 * @throws {Fault} corrupt, exhausted, unimplemented, deadline (no progress), and what the source throws
 */
export async function bringLayer(
  job: LayerJob,
  parts: UnpackParts,
  report: (step: LayerStep) => void,
  signal: AbortSignal,
): Promise<SnapshotUsage> {
  const { work, settings, log } = parts;
  // Taken before anything is waited for: the parent was joined just before, by the same pull.
  const parent = job.parent === undefined ? undefined : work.layers.peek(layerKey(job.parent, parts));
  parent?.catch(() => undefined);
  if (job.artifact?.kind !== "file") layerCompression(plainMediaType(job.blob.mediaType));
  if (job.blob.size > settings.maxLayer) {
    throw new Fault("exhausted", `layer ${job.blob.digest} has ${job.blob.size} bytes`, {
      hint: `the limit is image.maxLayer, now ${settings.maxLayer}`,
    });
  }
  if (await isHere(job.chainId, parts, signal)) return usageOf(job.chainId, parts);
  for (;;) {
    const goesOn = await parts.store.content.hasPartial(job.blob.digest);
    try {
      const bring = (isTurn: Promise<unknown> | undefined, until: AbortSignal) =>
        bringOnce(job, isTurn, parts, report, until);
      const brought = await bringUnlessProvided(job, parent, parts, bring, signal);
      if (brought.provided) report("provided");
      return brought.usage;
    } catch (err) {
      if (!isFault(err, "corrupt") || (!goesOn && !job.distrust())) throw err;
      log.warn({ err, layer: job.blob.digest }, "a layer came wrong; it is fetched anew");
    }
  }
}

async function bringOnce(
  job: LayerJob,
  isTurn: Promise<unknown> | undefined,
  parts: UnpackParts,
  report: (step: LayerStep) => void,
  signal: AbortSignal,
): Promise<SnapshotUsage> {
  const { store, work, snapshotter } = parts;
  const ingest = newIngest();
  const keepBlobAt =
    job.keepBlob && "stream" in job.bytes && !(await hasBlob(job.blob, parts))
      ? store.content.ingestPath()
      : undefined;
  const listFilesAt = store.content.ingestPath();
  try {
    await store.ingests.put(ingest, {
      ingest,
      chainId: job.chainId,
      diffId: job.diffId,
      bootId: store.bootId,
      snapshotter: snapshotter.name,
    });
    {
      using _slot = await work.slots.take(signal);
      await unpack(job, ingest, { keepBlobAt, listFilesAt }, parts, report, signal);
    }
    report("unpacked");
    if (keepBlobAt !== undefined) await store.content.adopt(keepBlobAt, job.blob.digest);
    await store.fileLists.adopt(listFilesAt, job.diffId);
    if (isTurn !== undefined) await waitFor(isTurn, signal, `waiting for the layer below ${job.blob.digest}`);
    const usage = await snapshotter.commitLayer(ingest, job.chainId, job.parent);
    await store.ingests.delete(ingest);
    await store.content.dropPartial(job.blob.digest);
    return usage;
  } catch (error) {
    for (const path of [keepBlobAt, listFilesAt]) if (path !== undefined) await store.content.drop(path);
    await snapshotter.abortLayer(ingest);
    await store.ingests.delete(ingest);
    throw error;
  }
}

/** True if the snapshot is here. Whoever asks has pinned the chain: it stays then. */
export async function isHere(
  chain: ChainId,
  { snapshotter, work }: UnpackParts,
  signal: AbortSignal,
): Promise<boolean> {
  using _chain = await work.digestLocks.hold(chain, signal);
  return snapshotter.has(chain);
}

/** A name for a layer that is to be unpacked. */
export function newIngest(): string {
  return randomBytes(16).toString("hex");
}

/** What a committed snapshot takes. */
export async function usageOf(chain: ChainId, { store, snapshotter }: UnpackParts): Promise<SnapshotUsage> {
  for (const { layers, unpacked } of store.records.values()) {
    const usage = unpacked[snapshotter.name]?.usages[layers.findIndex((one) => one.chainId === chain)];
    if (usage !== undefined) return usage;
  }
  // To commit what is there already is no work: the answer is what was counted then.
  return snapshotter.commitLayer(newIngest(), chain, undefined);
}

async function unpack(
  job: LayerJob,
  ingest: string,
  beside: { readonly keepBlobAt: string | undefined; readonly listFilesAt: string },
  parts: UnpackParts,
  report: (done: Bytes) => void,
  signal: AbortSignal,
): Promise<void> {
  const { store, settings, snapshotter } = parts;
  const directory = await snapshotter.prepareLayer(ingest);
  let done = 0;
  const { digest, size } = job.blob;
  const packing = { mediaType: plainMediaType(job.blob.mediaType), cipher: job.cipher };
  using watch = new RateWatch(
    settings.minimumRate,
    () => `layer ${digest} stands at ${done} of ${size} bytes`,
  );
  const until = AbortSignal.any([signal, watch.signal]);
  const limits = { maxUnpacked: settings.maxLayer, maxFiles: settings.maxFiles };
  const { keepBlobAt, listFilesAt } = beside;
  const keep = keepBlobAt === undefined ? {} : { keepBlobAt };
  const artifact = job.artifact === undefined ? {} : { artifact: { content: job.artifact, size } };
  const from = await openBlob(job, parts, watch, until);
  const progress = (bytes: Bytes) => {
    watch.moved(bytes - done);
    done = bytes;
    from.readTo(bytes);
    report(bytes);
  };
  try {
    const unpacked = await store.unpacker.unpackLayer(
      { source: from.source, ...packing, directory, limits, progress, listFilesAt, ...keep, ...artifact },
      until,
    );
    verify(job, unpacked);
    from.verified();
  } catch (error) {
    if (isFault(error, "corrupt")) from.isWrong();
    throw during(`layer ${digest}`, error);
  } finally {
    await from.close();
  }
}

/** @throws {Fault} corrupt when what came is not what manifest and config promise */
function verify({ blob, diffId }: LayerJob, unpacked: UnpackedLayer): void {
  if (unpacked.blobDigest !== blob.digest || unpacked.blobSize !== blob.size) {
    throw new Fault(
      "corrupt",
      `what came has digest ${unpacked.blobDigest}, and ${unpacked.blobSize} of ${blob.size} bytes`,
    );
  }
  if (unpacked.diffId !== diffId) {
    throw new Fault("corrupt", `it unpacks to ${unpacked.diffId}, but the image's config says ${diffId}`);
  }
}
