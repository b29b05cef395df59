import type { Bytes } from "../base/units.ts";
import type { LayerPath } from "./names.ts";

/** What to compare. */
export interface CompareRequest {
  /** Where the layer is mounted, with those below it. */
  readonly root: string;
  /** The list that was written when the layer was unpacked. */
  readonly list: string;
  /** How many differences are told at most. */
  readonly most: number;
}

/** Something that is not as the layer brought it. */
export interface FileDifference {
  readonly path: LayerPath;
  /** `has another content`, `is missing`, … */
  readonly what: string;
}

/** How a layer's files compare. */
export interface Comparison {
  readonly files: number;
  /** Read of files. */
  readonly bytes: Bytes;
  readonly differences: readonly FileDifference[];
  /** Beyond those in `differences`. */
  readonly more: number;
}
