import type { LayerPath } from "../names.ts";

/** One path where a container differs from its image: what stands there now, or that nothing does. */
export interface Change {
  readonly kind: "present" | "deleted";
  readonly path: LayerPath;
}
