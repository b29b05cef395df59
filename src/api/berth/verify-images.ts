import type { VerifiedState } from "../../image/verify/contract.ts";
import {
  type VerifiedPart,
  VerifiedState as VerifiedStateOnWire,
  type VerifyImagesRequest,
} from "../../wire/gen/berth.v1.ts";
import { requireText } from "../convert/field.ts";
import type { ApiParts } from "../parts.ts";

const states: Readonly<Record<VerifiedState, VerifiedStateOnWire>> = {
  sound: VerifiedStateOnWire.VERIFIED_SOUND,
  damaged: VerifiedStateOnWire.VERIFIED_DAMAGED,
  repaired: VerifiedStateOnWire.VERIFIED_REPAIRED,
  unchecked: VerifiedStateOnWire.VERIFIED_UNCHECKED,
};

/** RPC VerifyImages of berth's own API: each image, then its parts as they are looked at. */
export async function* verifyImages(
  request: VerifyImagesRequest,
  upkeep: ApiParts["upkeep"],
  signal: AbortSignal,
): AsyncGenerator<VerifiedPart> {
  const references = request.references.map((text, index) => requireText(text, `references[${index}]`));
  const { repair } = request;
  for await (const { image, part } of upkeep.verify(references, { repair }, signal))
    yield {
      imageId: image.id,
      imageNames: [...image.tags, ...image.digests],
      what: part?.what ?? "",
      digest: part?.digest ?? "",
      snapshotter: part?.snapshotter ?? "",
      state: part === undefined ? VerifiedStateOnWire.VERIFIED_SOUND : states[part.state],
      files: BigInt(part?.files ?? 0),
      bytes: BigInt(part?.bytes ?? 0),
      damaged: [...(part?.damaged ?? [])],
      moreDamaged: BigInt(part?.more ?? 0),
      reason: part?.reason ?? "",
    };
}
