import { Fault } from "../../base/fault.ts";
import { parseReference } from "../../spec/reference.ts";
import type { ImageRecord } from "../contract.ts";
import { registrySource } from "../find-at-registry.ts";
import type { ImageParts } from "../parts.ts";
import type { ImageSource } from "../resolve.ts";

/** Where an image's blobs can be had again, with the credentials that the node has for it. @throws {Fault} notFound for one that has no name */
export async function repairSource(
  { digests, tags }: ImageRecord,
  { registry }: ImageParts,
): Promise<ImageSource> {
  const name = digests[0] ?? tags[0];
  if (name === undefined)
    throw new Fault("notFound", "the image has no name to fetch it by", {
      hint: "import it again, or remove it",
    });
  return registrySource(await registry.repository(parseReference(name), undefined), name);
}
