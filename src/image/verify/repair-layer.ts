import { describeFault, Fault } from "../../base/fault.ts";
import type { ChainId } from "../../base/ids.ts";
import type { ImageLayer, ImageRecord } from "../contract.ts";
import type { UnpackParts } from "../parts.ts";
import { imagesIn } from "../record.ts";
import type { ImageSource } from "../resolve.ts";
import { nameUsers, usersOfImage } from "../users.ts";
import { borrowBlobs } from "./borrow-blobs.ts";
import type { VerifiedPart } from "./contract.ts";
import { rebuildLayers } from "./rebuild-layers.ts";
import { replaceLayer } from "./replace-layer.ts";

/** A layer that is damaged, and where to have it from. */
export interface DamagedLayer {
  readonly image: ImageRecord;
  readonly layer: ImageLayer;
  source(): Promise<ImageSource>;
}

/**
 * Brings a layer anew and puts it in the place of the damaged one. Where the snapshotter can't do that below other layers,
 * those above it are made anew, too. Files below a running container must not change (overlayfs: the result is
 * undefined), so a layer that containers are on is left as it is.
 */
export async function repairLayer(
  found: VerifiedPart,
  { image, layer, source }: DamagedLayer,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<VerifiedPart> {
  try {
    const above = imagesOn(layer.chainId, parts);
    refuseUsed(layer.chainId, above, parts);
    const replaces = parts.snapshotter.replaceLayer !== undefined;
    const needed = replaces ? [layer.blob] : layersFrom(layer.chainId, above).map(({ blob }) => blob);
    await using _blobs = await borrowBlobs(needed, source, parts, signal);
    // Asked again: that took its time.
    refuseUsed(layer.chainId, above, parts);
    if (replaces) await replaceLayer(layer, parts, signal);
    else await rebuildLayers(layersFrom(layer.chainId, above), above, parts, signal);
    return { ...found, state: "repaired" };
  } catch (error) {
    parts.log.warn(
      { err: error, imageId: image.id, layer: layer.blob.digest },
      "a damaged layer can't be repaired",
    );
    return { ...found, reason: `it can't be repaired: ${describeFault(error)}` };
  }
}

/** The images that have the layer in this snapshotter. */
function imagesOn(chain: ChainId, parts: UnpackParts): ImageRecord[] {
  return imagesIn(parts.snapshotter.name, parts).filter(({ layers }) =>
    layers.some(({ chainId }) => chainId === chain),
  );
}

/** The layer and all above it in those images, each once, the lower before the upper. */
function layersFrom(chain: ChainId, images: readonly ImageRecord[]): ImageLayer[] {
  const found = new Map<ChainId, ImageLayer>();
  for (const { layers } of images) {
    const at = layers.findIndex(({ chainId }) => chainId === chain);
    for (const layer of layers.slice(at)) found.set(layer.chainId, layer);
  }
  return [...found.values()];
}

function refuseUsed(chain: ChainId, images: readonly ImageRecord[], { store }: UnpackParts): void {
  const users = images.flatMap(({ id }) => usersOfImage(id, store.users));
  const isUsed = layersFrom(chain, images).some(({ chainId }) => store.users.inUse(chainId));
  if (users.length === 0 && !isUsed) return;
  const by = users.length === 0 ? "a container that is being made" : nameUsers(users);
  throw new Fault("wrongState", `it is in use by ${by}`, {
    hint: "files below a container must not change: remove it, or drain the node, and repair again",
  });
}
