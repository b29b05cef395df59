import { Fault } from "../base/fault.ts";
import { mediaTypes } from "./oci-image.ts";

/** Layers before their packing: OCI's, its non-distributable ones, Docker's, and its foreign ones. */
const layerTypes = [
  mediaTypes.ociLayer,
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

/** How a layer blob is packed. */
export type LayerCompression = "none" | "gzip" | "zstd";

/**
 * How a layer of this media type is packed (OCI image spec, layer; Docker's and the non-distributable ones
 * too).
 *
 * @throws {Fault} unimplemented for media types that are not layers
 */
export function layerCompression(mediaType: string): LayerCompression {
  const { layer, packing } = partsOf(mediaType);
  if (!layerTypes.includes(layer)) {
    throw new Fault("unimplemented", `${mediaType.slice(0, 100)} is not the media type of an image layer`, {
      hint: "this is an artifact that is no container image, or one made by a newer tool",
    });
  }
  return packing === "gzip" || packing === "zstd" ? packing : "none";
}

/** True for the media types of image layers, packed or not, encrypted or not. */
export function isLayerType(mediaType: string): boolean {
  return layerTypes.includes(partsOf(mediaType.replace(/\+encrypted$/, "")).layer);
}

function partsOf(mediaType: string): { readonly layer: string; readonly packing: string | undefined } {
  const [, layer = "", packing] = /^(.*?)(?:[.+](gzip|zstd))?$/.exec(mediaType) ?? [];
  return { layer, packing };
}
