import type { TagRequest, TagResponse, UntagRequest, UntagResponse } from "../../wire/gen/berth.v1.ts";
import { requireText } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/** RPC Tag of berth's own API. */
export async function tagImage(
  request: TagRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): Promise<TagResponse> {
  await transfer.tag(requireText(request.image, "image"), requireText(request.name, "name"), signal);
  return {};
}

/** RPC Untag of berth's own API. */
export async function untagImage(
  request: UntagRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): Promise<UntagResponse> {
  await transfer.untag(requireText(request.name, "name"), signal);
  return {};
}
