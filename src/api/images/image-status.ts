import type { ImageRecord, Images } from "../../image/contract.ts";
import type { ImageStatusRequest, ImageStatusResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeImageSpec } from "../convert/decode-container-config.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { infoText } from "../convert/info.ts";

/** RPC ImageStatus. An image that is not here is no error: the answer holds none. */
export async function imageStatus(request: ImageStatusRequest, images: Images): Promise<ImageStatusResponse> {
  const record = images.find(decodeImageSpec(request.image, "image").image);
  if (record === undefined) return { image: undefined, info: {} };
  return {
    image: encodeImage(record),
    info: request.verbose ? { info: infoText(verboseInfo(record)) } : {},
  };
}

/** For `crictl inspecti` and `berth inspect`; `imageSpec` and `chainID` are where others have them, too. */
function verboseInfo(record: ImageRecord): object {
  const { config, manifest, layers, snapshotter, pulledAt, durable } = record;
  return {
    chainID: layers.at(-1)?.chainId ?? "",
    manifest,
    layers,
    snapshotter,
    pulledAt,
    durable,
    imageSpec: config,
  };
}
