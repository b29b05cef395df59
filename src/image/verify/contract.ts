import type { Digest } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";

/**
 * How something that an image has on disk was found. "repaired": it was damaged, and is as it should be again. "unchecked":
 * there is nothing to compare it with.
 */
export type VerifiedState = "sound" | "damaged" | "repaired" | "unchecked";

/** A file that is not as its layer brought it. */
export interface DamagedFile {
  /** From the container's root; UTF-8, as far as the name is. */
  readonly path: string;
  /** `has another content`, `is missing`, … */
  readonly what: string;
}

/** What was found of one part of an image. */
export interface VerifiedPart {
  /** "blob": a layer as it was fetched, where that is kept; "layer": its files as unpacked. */
  readonly what: "manifest" | "config" | "blob" | "layer";
  /** Of the blob, as manifests name it. */
  readonly digest: Digest;
  /** Of a layer: in which snapshotter. */
  readonly snapshotter?: string;
  readonly state: VerifiedState;
  /** How many files were compared, and how many bytes were read. */
  readonly files: number;
  readonly bytes: Bytes;
  readonly damaged: readonly DamagedFile[];
  /** Damaged files beyond those in `damaged`. */
  readonly more: number;
  /** What is wrong with a blob, why nothing could be compared, or why it could not be repaired. */
  readonly reason?: string;
}

export interface VerifyOptions {
  /** What is damaged is brought anew. */
  readonly repair: boolean;
}
