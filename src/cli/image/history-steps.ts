import type { ImageInfo, LayerInfo } from "./info.ts";

/** A step in the making of an image, with the layer that it made. */
export interface HistoryStep {
  readonly created?: string;
  readonly createdBy: string;
  readonly comment: string;
  /** The digest of the layer's blob, or of its content where the runtime tells no other; absent: the step made none. */
  readonly layer?: string;
  /** What the layer takes on disk; absent where that is not told. */
  readonly bytes?: number;
}

/**
 * The steps of the history, the first one first, each with its layer. Layers that no step tells of come first: what was built on
 * an image without a history tells of its own.
 */
export function historySteps({ layers, history }: ImageInfo): HistoryStep[] {
  const untold = Math.max(0, layers.length - history.filter(({ isEmpty }) => !isEmpty).length);
  const first = layers
    .slice(0, untold)
    .map((layer) => ({ createdBy: "", comment: "", ...layerFields(layer) }));
  const left = layers.slice(untold);
  const steps = history.map(({ created, createdBy, comment, isEmpty }) => ({
    ...(created === undefined ? {} : { created }),
    createdBy,
    comment,
    ...layerFields(isEmpty ? undefined : left.shift()),
  }));
  return [...first, ...steps];
}

function layerFields(layer: LayerInfo | undefined): Pick<HistoryStep, "layer" | "bytes"> {
  if (layer === undefined) return {};
  const { blob, diffId, bytes } = layer;
  return { layer: blob ?? diffId, ...(bytes === undefined ? {} : { bytes }) };
}
