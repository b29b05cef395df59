import { throwIfEnded } from "../../base/deadline.ts";
import type { ImageRecord } from "../contract.ts";
import { type ImageParts, partsIn } from "../parts.ts";
import { isUnpacked } from "../record.ts";
import { configDigestOf } from "../resolved.ts";
import { storedFor } from "../sweep.ts";
import { checkLayerBlob, checkSmallBlob } from "./check-blob.ts";
import { checkLayer } from "./check-layer.ts";
import type { VerifiedPart, VerifyOptions } from "./contract.ts";
import { configOf, repairBlob } from "./repair-blob.ts";
import { repairLayer } from "./repair-layer.ts";
import { repairSource } from "./repair-source.ts";

/** What was found of an image: first the image alone, then each of its parts. */
export interface Verified {
  readonly image: ImageRecord;
  readonly part?: VerifiedPart;
}

/**
 * Compares what images have on disk with what came from their registries: blobs with their digests, files with the lists
 * that were made when they were unpacked. What several images share is looked at once.
 *
 * @throws {Fault} unavailable when nothing can be compared
 */
export async function* verifyImages(
  images: Iterable<ImageRecord>,
  options: VerifyOptions,
  parts: ImageParts,
  signal: AbortSignal,
): AsyncGenerator<Verified> {
  const seen = new Set<string>();
  for (const image of images) {
    const counted = [...image.layers.map(({ chainId }) => chainId), ...storedFor(image)];
    using _pins = parts.work.pins.pin(counted, "a verification");
    if (parts.store.records.get(image.id) === undefined) continue; // removed meanwhile
    yield { image };
    for (const look of looksAt(image, parts, signal)) {
      if (seen.has(look.key)) continue;
      seen.add(look.key);
      throwIfEnded(signal, "verifying images");
      const part = await look.check();
      if (part === undefined) continue;
      const repairs = options.repair && part.state === "damaged";
      yield { image, part: repairs ? await look.repair(part) : part };
    }
  }
}

/** Something to be looked at, once, whatever else has it. */
interface Look {
  readonly key: string;
  /** Undefined: it is not kept. */
  check(): Promise<VerifiedPart | undefined>;
  repair(found: VerifiedPart): Promise<VerifiedPart>;
}

function* looksAt(image: ImageRecord, parts: ImageParts, signal: AbortSignal): Generator<Look> {
  const source = () => repairSource(image, parts);
  const { manifest, layers } = image;
  const config = configDigestOf(image);
  yield {
    key: manifest.digest,
    check: () => checkSmallBlob("manifest", manifest.digest, parts),
    repair: (found) => repairBlob(found, async () => manifest, source, parts, signal),
  };
  yield {
    key: config,
    check: () => checkSmallBlob("config", config, parts),
    repair: (found) => repairBlob(found, () => configOf(image, parts), source, parts, signal),
  };
  for (const { blob } of layers)
    yield {
      key: blob.digest,
      check: () => checkLayerBlob(blob, parts, signal),
      repair: (found) => repairBlob(found, async () => blob, source, parts, signal),
    };
  for (const snapshotter of Object.keys(image.unpacked)) {
    if (!isUnpacked(image, snapshotter, parts.store.bootId)) continue;
    for (const layer of layers)
      yield {
        key: `${snapshotter} ${layer.chainId}`,
        check: () => checkLayer(layer, partsIn(parts, snapshotter), signal),
        repair: (found) => repairLayer(found, { image, layer, source }, partsIn(parts, snapshotter), signal),
      };
  }
}
