import type { Images } from "../../image/contract.ts";
import type { PullImageRequest, PullImageResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { decodeImageSpec } from "../convert/decode-container-config.ts";

/** RPC PullImage. What it answers, the kubelet later creates containers with: the image's id. */
export async function pullImage(
  request: PullImageRequest,
  images: Images,
  signal: AbortSignal,
): Promise<PullImageResponse> {
  const reference = decodeImageSpec(request.image, "image").image;
  const record = await images.pull(reference, decodeAuth(request.auth, reference), signal);
  return { imageRef: record.id };
}
