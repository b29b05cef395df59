import type { ContainerId, Digest, ImageId } from "../../base/ids.ts";
import type { Bytes, UnixNanos } from "../../base/units.ts";
import type { ImageRecord } from "../contract.ts";

/** Who keeps something on disk from being removed. */
export interface Holder {
  /** "lease": a pull that was cut off and may go on; "work": something in flight; "layer": one that lies on top. */
  readonly kind: "image" | "container" | "lease" | "work" | "layer";
  /** Of an image, a container, the image of a lease, a chain of layers; empty for work. */
  readonly id: string;
  /** In words. */
  readonly what: string;
}

/** Something that images have on disk. */
export interface StoredItem {
  /** "partial": what has come of a blob; "list": of a layer's files. */
  readonly kind: "layer" | "blob" | "partial" | "list";
  /** A chain, a blob's digest, a layer's own digest. */
  readonly digest: Digest;
  /** Of a layer: where it is unpacked. */
  readonly snapshotter?: string;
  readonly bytes: Bytes;
  readonly holders: readonly Holder[];
}

/** Something that an id stands for, and why it is here. */
export interface Explained {
  readonly kind: "image" | "container" | "ingest" | "unfinished pull" | StoredItem["kind"];
  readonly id: string;
  readonly about: string;
  readonly snapshotter?: string;
  /** Undefined where that would take too long to find out. */
  readonly bytes?: Bytes;
  readonly holders: readonly Holder[];
  /** What becomes of it. */
  readonly fate: string;
}

/** What is to go. */
export interface PruneOptions {
  /** Nothing goes; what would is told. */
  readonly dryRun: boolean;
  /** Images with a tag, too. */
  readonly all: boolean;
  /** Only images that were pulled before. */
  readonly until?: UnixNanos | undefined;
  /** Only images that have all of these labels; without a value: whatever it is. */
  readonly labels: readonly { readonly key: string; readonly value?: string | undefined }[];
}

/** What has gone, or would go. */
export interface Pruned {
  readonly images: readonly PrunedImage[];
  /** Pulls that were cut off, by the names of their images. */
  readonly unfinished: readonly (readonly string[])[];
  /** What comes back, all together. */
  readonly bytes: Bytes;
}

export interface PrunedImage {
  readonly image: ImageRecord;
  /** What comes back for it alone. */
  readonly bytes: Bytes;
  /** Why it stays after all. */
  readonly problem?: string;
}

/** What an image takes. */
export interface ImageUsage {
  readonly image: ImageRecord;
  readonly size: Bytes;
  /** Of `size`: what other images have, too. */
  readonly shared: Bytes;
  readonly containers: number;
}

/** What a container's own layer takes. */
export interface ContainerUsage {
  readonly id: ContainerId;
  readonly name: string;
  readonly image: ImageId | undefined;
  readonly snapshotter: string;
  readonly bytes: Bytes;
  readonly inodes: number;
}

/** What lies in one place. */
export interface PlaceUsage {
  readonly what: string;
  readonly path: string;
  readonly bytes: Bytes;
}

/** What everything takes on disk. */
export interface DiskUsage {
  readonly images: readonly ImageUsage[];
  readonly layers: readonly StoredItem[];
  readonly containers: readonly ContainerUsage[];
  readonly places: readonly PlaceUsage[];
  /** All below the root, as the disk says. */
  readonly total: Bytes;
}
