import type { Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { SnapshotUsage } from "../snapshot/contract.ts";
import type { LayerCipher } from "../snapshot/unpack-contract.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import type { LayerProgress, LayerState, LayerStep, PullProgress } from "./contract.ts";
import { bringLayer, isHere, type LayerJob, usageOf } from "./layer.ts";
import type { LayerFeed } from "./layer-blob.ts";
import { layerCiphers } from "./layer-ciphers.ts";
import { layerKey, type UnpackParts } from "./parts.ts";
import { offerOf, provideLayers } from "./provide.ts";
import type { ImageSource } from "./resolve.ts";
import type { ResolvedImage } from "./resolved.ts";

/** Readers of progress are people: in milliseconds, for each layer. */
const tellEvery = 100;

/**
 * Brings every layer that isn't here, all at once, and commits them in their order. The caller has pinned the
 * chains. A layer that another pull is bringing is waited for.
 *
 * @returns what each layer takes, from the lowest
 * @throws {Fault} the first layer's that failed; none of this pull's own layers is in work any more then
 */
export async function bringLayers(
  image: ResolvedImage,
  from: { readonly source: ImageSource; readonly keepBlobs: boolean },
  parts: UnpackParts,
  progress: (step: PullProgress) => void,
  signal: AbortSignal,
): Promise<SnapshotUsage[]> {
  const ciphers = await layerCiphers(
    image.layers.map(({ blob }) => blob),
    parts,
    signal,
  );
  const jobs = jobsOf(image, from, ciphers);
  const present = await countHere(jobs, parts, signal);
  const provided = await provideLayers(jobs.slice(present), parts, signal);
  const here = present + provided.length;
  const missing = jobs.slice(here);
  for (const [index, job] of jobs.slice(0, here).entries())
    progress(layerProgress(job, index < present ? "present" : "provided", job.blob.size));
  for (const job of missing) progress(layerProgress(job, "waiting", 0));
  const shared = missing.some((job) => parts.work.layers.has(layerKey(job.chainId, parts)));
  const bring = () => bringAll(missing, parts, progress, signal);
  // What another pull began may fail for reasons of its own: its credential, its deadline.
  const brought = await bring().catch((error: unknown) => {
    if (!shared || signal.aborted) throw error;
    return bring();
  });
  const known = await Promise.all(jobs.slice(0, present).map((job) => usageOf(job.chainId, parts)));
  return [...known, ...provided, ...brought];
}

function jobsOf(
  image: ResolvedImage,
  from: { readonly source: ImageSource; readonly keepBlobs: boolean },
  ciphers: ReadonlyMap<Digest, LayerCipher>,
): LayerJob[] {
  return image.layers.map(({ blob, diffId, chainId, artifact }, index) => ({
    blob,
    diffId,
    chainId,
    parent: image.layers[index - 1]?.chainId,
    cipher: ciphers.get(blob.digest),
    offer: ciphers.has(blob.digest) ? undefined : offerOf(image, index, from.source), // who provides it has no key
    keepBlob: from.keepBlobs,
    ...(artifact === undefined ? {} : { artifact }),
    bytes: bytesOf(blob, from.source),
    distrust: () => from.source.distrust?.(blob.digest) ?? false,
  }));
}

function bytesOf(blob: Descriptor, source: ImageSource): LayerFeed {
  const { fetchLayer } = source;
  return fetchLayer === undefined
    ? { stream: (signal) => source.layer(blob, signal) }
    : { fetch: (into, watch, signal) => fetchLayer(blob, into, watch, signal) };
}

/** How many of the lowest layers are here: with a chain, all below it are. */
async function countHere(
  jobs: readonly LayerJob[],
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<number> {
  for (let count = jobs.length; count > 0; count--) {
    const top = jobs[count - 1];
    if (top !== undefined && (await isHere(top.chainId, parts, signal))) return count;
  }
  return 0;
}

async function bringAll(
  jobs: readonly LayerJob[],
  parts: UnpackParts,
  progress: (step: PullProgress) => void,
  signal: AbortSignal,
): Promise<SnapshotUsage[]> {
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  let first: unknown;
  const flights = jobs.map(async (job) => {
    const total = job.blob.size;
    let told = 0;
    let end: LayerState = "done";
    const tell = (step: LayerStep) => {
      if (step === "provided") {
        end = step;
        return;
      }
      const done = step === "unpacked" ? total : step;
      if (done < total && performance.now() - told < tellEvery) return;
      told = performance.now();
      progress(layerProgress(job, stateOf(step, total), done));
    };
    try {
      const usage = await parts.work.layers.join(
        layerKey(job.chainId, parts),
        (report, aborted) => bringLayer(job, parts, report, aborted),
        tell,
        until,
      );
      progress(layerProgress(job, end, total));
      return usage;
    } catch (error) {
      if (!failed.signal.aborted) {
        first = error;
        failed.abort();
      }
      throw error;
    }
  });
  const ended = await Promise.allSettled(flights);
  return ended.map((flight) => {
    if (flight.status === "rejected") throw first;
    return flight.value;
  });
}

function stateOf(step: Exclude<LayerStep, "provided">, total: Bytes): LayerState {
  if (step === "unpacked") return step;
  return step < total ? "fetching" : "unpacking";
}

function layerProgress({ blob }: LayerJob, state: LayerState, done: Bytes): LayerProgress {
  return { phase: "layer", digest: blob.digest, state, done, total: blob.size };
}
