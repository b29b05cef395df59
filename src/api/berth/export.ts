import type { ExportRequest, ExportResponse } from "../../wire/gen/berth.v1.ts";
import { requireText, wrongField } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/** RPC Export of berth's own API: the archive as it is made. */
export async function* exportImages(
  { references }: ExportRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): AsyncGenerator<ExportResponse> {
  if (references.length === 0) throw wrongField("references", "missing");
  for (const [index, reference] of references.entries()) requireText(reference, `references[${index}]`);
  for await (const data of transfer.export(references, signal)) yield { data };
}
