import type { ImageRecord, Images } from "../../image/contract.ts";
import type { ImageStatusRequest, ImageStatusResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeImageSpec } from "../convert/decode-container-config.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { infoText } from "../convert/info.ts";
import type { ApiNode } from "../parts.ts";
import { snapshotterOf } from "../snapshotter-of.ts";

/**
 * RPC ImageStatus. An image that is not here is no error: the answer holds none; nor is one that is not in the snapshotter of
 * the runtime handler, where one is named: a kubelet pulls it then, with its credentials.
 */
export async function imageStatus(
  request: ImageStatusRequest,
  images: Images,
  node: ApiNode,
): Promise<ImageStatusResponse> {
  const { image, runtimeHandler } = decodeImageSpec(request.image, "image");
  const record = images.find(image);
  const isWanted =
    runtimeHandler === "" || record?.unpacked[snapshotterOf(runtimeHandler, node)] !== undefined;
  if (record === undefined || !isWanted) return { image: undefined, info: {} };
  return {
    image: encodeImage(record),
    info: request.verbose ? { info: infoText(await verboseInfo(record, images)) } : {},
  };
}

/** For `crictl inspecti` and `berth inspect`; `imageSpec` and `chainID` are where others have them, too. */
async function verboseInfo(record: ImageRecord, images: Images): Promise<object> {
  const { config, manifest, artifact, layers, unpacked, pulledAt } = record;
  return {
    chainID: layers.at(-1)?.chainId ?? "",
    manifest,
    artifact,
    layers,
    unpacked,
    pulledAt,
    imageSpec: { ...config, history: await images.history(record) },
  };
}
