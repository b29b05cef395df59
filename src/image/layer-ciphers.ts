import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { LayerCipher } from "../snapshot/unpack-contract.ts";
import { isEncrypted } from "../spec/encrypted-layer.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import type { ImageParts } from "./parts.ts";

/**
 * How those of the layers that are encrypted are deciphered, by their blobs.
 *
 * @throws {Fault} as `LayerKeys.cipherFor` does, for the first that the node has no key for
 */
export async function layerCiphers(
  blobs: readonly Descriptor[],
  { layerKeys }: Pick<ImageParts, "layerKeys">,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, LayerCipher>> {
  const ciphers = new Map<Digest, LayerCipher>();
  for (const blob of blobs.filter(isEncrypted)) {
    if (layerKeys === undefined) throw new Fault("unimplemented", `layer ${blob.digest} is encrypted`);
    ciphers.set(blob.digest, await layerKeys.cipherFor(blob, signal));
  }
  return ciphers;
}
