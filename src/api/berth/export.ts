import type { ExportRequest, ExportResponse } from "../../wire/gen/berth.v1.ts";
import { refuseNul, requireAbsolutePath, requireText, wrongField } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/** RPC Export of berth's own API. */
export async function exportImages(
  request: ExportRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): Promise<ExportResponse> {
  if (request.references.length === 0) throw wrongField("references", "missing");
  for (const [index, reference] of request.references.entries()) {
    requireText(reference, `references[${index}]`);
  }
  const path = requireAbsolutePath(request.path, "path");
  refuseNul(path, "path");
  await transfer.export(request.references, path, signal);
  return {};
}
