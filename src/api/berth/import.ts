import type { ImportRequest, ImportResponse } from "../../wire/gen/berth.v1.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { refuseNul, requireAbsolutePath } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/** RPC Import of berth's own API. */
export async function importImages(
  request: ImportRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): Promise<ImportResponse> {
  const path = requireAbsolutePath(request.path, "path");
  refuseNul(path, "path");
  const records = await transfer.import(path, signal);
  return { images: records.map(encodeImage) };
}
