import { throwIfEnded } from "../base/deadline.ts";
import { isFault } from "../base/fault.ts";
import type { ChainId } from "../base/ids.ts";
import type { LayerOffer, SnapshotUsage } from "../snapshot/contract.ts";
import { layerKey, type UnpackParts } from "./parts.ts";
import type { ImageSource } from "./resolve.ts";
import type { ResolvedImage } from "./resolved.ts";

/** A layer that may be offered. */
interface OfferedLayer {
  readonly chainId: ChainId;
  readonly offer: LayerOffer | undefined;
}

/** What a snapshotter is told of a layer that it may get at by itself; of what is from no registry, or no image: nothing. */
export function offerOf(
  { layers, manifest, artifact }: ResolvedImage,
  index: number,
  { reference }: ImageSource,
): LayerOffer | undefined {
  const layer = layers[index];
  if (reference === undefined || layer === undefined || artifact !== undefined) return undefined;
  const { chainId: chain, blob } = layer;
  const from = layers.slice(index).map((each) => each.blob.digest);
  return { chain, parent: layers[index - 1]?.chainId, blob, reference, manifest: manifest.digest, from };
}

/**
 * Has a snapshotter that can get at layers by itself commit them, from the lowest up to the first that it can't: from there
 * on all are fetched at once. The caller has pinned the chains.
 *
 * @param jobs the layers that are not here, from the lowest
 * @returns what each layer takes that was provided
 */
export async function provideLayers(
  jobs: readonly OfferedLayer[],
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<SnapshotUsage[]> {
  const provided: SnapshotUsage[] = [];
  for (const { chainId, offer } of jobs) {
    // Another pull is fetching it: nothing is spared any more.
    if (offer === undefined || parts.work.layers.has(layerKey(chainId, parts))) break;
    using _chain = await parts.work.digestLocks.hold(chainId, signal);
    const usage = await provide(offer, parts, signal);
    if (usage === undefined) break;
    provided.push(usage);
  }
  return provided;
}

/**
 * Offers a layer to the snapshotter once those below it are committed, while it is being brought: what is provided then need
 * not be fetched to its end.
 *
 * @param below the layer right below, on its way; absent: it was here, and the layer was offered before
 * @param bring brings it, and commits it when the promise that it gets says so
 * @returns what it takes, and whether it was provided
 */
export async function bringUnlessProvided(
  { offer }: OfferedLayer,
  below: Promise<unknown> | undefined,
  parts: UnpackParts,
  bring: (isTurn: Promise<unknown> | undefined, signal: AbortSignal) => Promise<SnapshotUsage>,
  signal: AbortSignal,
): Promise<{ usage: SnapshotUsage; provided: boolean }> {
  if (offer === undefined || below === undefined || parts.snapshotter.provideLayer === undefined)
    return { usage: await bring(below, signal), provided: false };
  const provided = new AbortController();
  let usage: SnapshotUsage | undefined;
  const offered = below.then(async () => {
    usage = await provide(offer, parts, signal);
    if (usage !== undefined) provided.abort();
  });
  offered.catch(() => undefined);
  try {
    const until = AbortSignal.any([signal, provided.signal]);
    return { usage: await bring(offered, until), provided: false };
  } catch (error) {
    if (usage === undefined || signal.aborted) throw error;
    return { usage, provided: true };
  }
}

/** Undefined when the layer has to be fetched. @throws {Fault} unavailable, deadline: the snapshotter does not answer */
async function provide(
  offer: LayerOffer,
  { snapshotter, log }: UnpackParts,
  signal: AbortSignal,
): Promise<SnapshotUsage | undefined> {
  try {
    return await snapshotter.provideLayer?.(offer, signal);
  } catch (err) {
    throwIfEnded(signal, "providing a layer");
    if (isFault(err, "unavailable", "deadline")) throw err; // nor could it commit what is fetched
    log.warn(
      { err, layer: offer.blob.digest, snapshotter: snapshotter.name },
      "a layer is not provided; it is fetched",
    );
    return undefined;
  }
}
