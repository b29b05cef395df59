import { freeBytes } from "../../base/memory.ts";
import type { ExportRequest, ExportResponse } from "../../wire/gen/berth.v1.ts";
import { Encoded } from "../../wire/grpc/encoded.ts";
import { requireText, wrongField } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/** RPC Export of berth's own API: the archive as it is made. */
export async function* exportImages(
  { references }: ExportRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): AsyncGenerator<Encoded<ExportResponse>> {
  if (references.length === 0) throw wrongField("references", "missing");
  for (const [index, reference] of references.entries()) requireText(reference, `references[${index}]`);
  for await (const data of transfer.export(references, signal)) yield encoded(data);
}

/** The message without a copy of its bytes; their memory goes once they are sent. */
function encoded(data: Uint8Array): Encoded<ExportResponse> {
  // Field 1, of the type that has a length: that comes next, seven bits a byte, the lowest first.
  const head = [0x0a];
  let length = data.length;
  for (; length >= 0x80; length = Math.floor(length / 0x80)) head.push((length % 0x80) | 0x80);
  return new Encoded([Uint8Array.of(...head, length), data], () => freeBytes(data));
}
