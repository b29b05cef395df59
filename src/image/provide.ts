import { throwIfEnded } from "../base/deadline.ts";
import { isFault } from "../base/fault.ts";
import type { SnapshotUsage } from "../snapshot/contract.ts";
import type { LayerJob } from "./layer.ts";
import { layerKey, type UnpackParts } from "./parts.ts";
import type { ImageSource } from "./resolve.ts";
import type { ResolvedImage } from "./resolved.ts";

/**
 * Has a snapshotter that can get at layers by itself commit them, from the lowest up to the first that it can't: from there
 * on all are fetched at once, whatever it could do with those above. The caller has pinned the chains.
 *
 * @param jobs the layers that are not here, from the lowest
 * @returns what each layer takes that was provided
 */
export async function provideLayers(
  jobs: readonly LayerJob[],
  image: ResolvedImage,
  { reference }: ImageSource,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<SnapshotUsage[]> {
  const provided: SnapshotUsage[] = [];
  const { snapshotter, work, log } = parts;
  if (snapshotter.provideLayer === undefined || reference === undefined || image.artifact !== undefined)
    return provided;
  const blobs = jobs.map(({ blob }) => blob.digest);
  for (const [index, { chainId, parent, blob, cipher }] of jobs.entries()) {
    if (cipher !== undefined) break; // who provides it has no key
    // Another pull is fetching it: nothing is spared any more.
    if (work.layers.has(layerKey(chainId, parts))) break;
    using _chain = await work.digestLocks.hold(chainId, signal);
    const from = blobs.slice(index);
    const offer = { chain: chainId, parent, blob, reference, manifest: image.manifest.digest, from };
    try {
      const usage = await snapshotter.provideLayer(offer, signal);
      if (usage === undefined) break;
      provided.push(usage);
    } catch (err) {
      throwIfEnded(signal, "providing a layer");
      if (isFault(err, "unavailable", "deadline")) throw err; // nor could it commit what is fetched
      log.warn(
        { err, layer: blob.digest, snapshotter: snapshotter.name },
        "a layer is not provided; it is fetched",
      );
      break;
    }
  }
  return provided;
}
