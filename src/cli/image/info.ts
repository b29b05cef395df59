import { infoValues } from "../info-values.ts";

/** What a verbose status tells of an image's layers, as far as the runtime does; strangers' data. */
export interface ImageInfo {
  /** From the lowest to the topmost. */
  readonly layers: readonly LayerInfo[];
  readonly history: readonly HistoryInfo[];
}

export interface LayerInfo {
  readonly diffId: string;
  /** The blob's digest; undefined where it is not told. */
  readonly blob: string | undefined;
  /** What it takes on disk; undefined where it is not told. */
  readonly bytes: number | undefined;
}

/** One step of the making of an image (OCI image spec, config: history). */
export interface HistoryInfo {
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  readonly isEmpty: boolean;
}

/** Reads what berth, containerd and CRI-O put into `info`: the image's config, and with berth its layers. */
export function readImageInfo(info: Readonly<Record<string, string>>): ImageInfo {
  const told = record(infoValues(info).info);
  const spec = record(told.imageSpec);
  const diffIds = list(record(spec.rootfs).diff_ids).map(text);
  const layers = list(told.layers).map(record);
  // In the snapshotter where it was unpacked first.
  const usages = list(record(Object.values(record(told.unpacked))[0]).usages).map(record);
  return {
    layers: diffIds.map((diffId, index) => {
      const bytes = usages[index]?.bytes;
      return {
        diffId,
        blob: text(record(layers[index]?.blob).digest) || undefined,
        bytes: typeof bytes === "number" ? bytes : undefined,
      };
    }),
    history: list(spec.history).map((step) => {
      const { created, created_by, comment, empty_layer } = record(step);
      return {
        created: text(created) || undefined,
        createdBy: text(created_by),
        comment: text(comment),
        isEmpty: empty_layer === true,
      };
    }),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
