import { Fault } from "../../base/fault.ts";
import type { ImageRecord } from "../contract.ts";
import { sourceOfImage } from "../find-at-registry.ts";
import type { ImageParts } from "../parts.ts";
import type { ImageSource } from "../resolve.ts";

/** Where an image's blobs can be had again, with the credentials that the node has for it. @throws {Fault} notFound for one that has no name */
export async function repairSource(image: ImageRecord, parts: ImageParts): Promise<ImageSource> {
  const source = await sourceOfImage(image, parts);
  if (source !== undefined) return source;
  throw new Fault("notFound", "the image has no name to fetch it by", {
    hint: "import it again, or remove it",
  });
}
