import type { Images } from "../../image/contract.ts";
import type { RemoveImageRequest, RemoveImageResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeImageSpec } from "../convert/decode-container-config.ts";

/** RPC RemoveImage. An unknown image succeeds, as the CRI asks. */
export async function removeImage(
  request: RemoveImageRequest,
  images: Images,
  signal: AbortSignal,
): Promise<RemoveImageResponse> {
  await images.remove(decodeImageSpec(request.image, "image").image, signal);
  return {};
}
