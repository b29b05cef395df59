import type { ImageFsInfoResponse } from "../../wire/gen/runtime.v1.ts";
import { encodeFileSystem } from "../convert/encode-stats.ts";
import type { Figures } from "../parts.ts";

/** RPC ImageFsInfo: what images and writable layers take, for the kubelet's eviction and garbage collection. */
export async function imageFsInfo(figures: Figures, signal: AbortSignal): Promise<ImageFsInfoResponse> {
  const { images, containers } = await figures.fileSystems(signal);
  return {
    imageFilesystems: images.map(encodeFileSystem),
    containerFilesystems: containers.map(encodeFileSystem),
  };
}
