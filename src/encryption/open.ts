import type { LayerKeys } from "./contract.ts";
import type { UnwrapOptions } from "./unwrap.ts";

/** The keys of the settings. Nothing of what unwraps them is loaded before a layer is encrypted: it takes memory. */
export function openLayerKeys(options: UnwrapOptions): LayerKeys {
  return {
    async cipherFor(layer, signal) {
      const { unwrapLayerKey } = await import("./unwrap.ts");
      return unwrapLayerKey(layer, options, signal);
    },
  };
}
