import { isFault } from "../base/fault.ts";
import { parseManifest } from "../spec/oci-image.ts";
import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";

/** What an image's manifest says beside what it is made of; empty where that is not here. */
export async function imageAnnotations(
  { manifest }: Pick<ImageRecord, "manifest">,
  { store, settings }: Pick<ImageParts, "store" | "settings">,
): Promise<Readonly<Record<string, string>>> {
  try {
    const bytes = await store.content.read(manifest.digest, settings.maxManifest);
    return parseManifest(bytes, manifest.mediaType).annotations ?? {};
  } catch (error) {
    if (isFault(error, "notFound", "corrupt")) return {};
    throw error;
  }
}
