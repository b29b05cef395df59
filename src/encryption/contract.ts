import type { LayerCipher } from "../snapshot/unpack-contract.ts";
import type { Descriptor } from "../spec/oci-image.ts";

/** The keys of this node for encrypted layers (ocicrypt). */
export interface LayerKeys {
  /**
   * How an encrypted layer is deciphered. Keys are read anew each time.
   *
   * @throws {Fault} forbidden when the node has no key for it; corrupt; invalid for settings that can't be read
   */
  cipherFor(layer: Descriptor, signal: AbortSignal): Promise<LayerCipher>;
}
