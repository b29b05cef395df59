import { isFault } from "../base/fault.ts";
import { type HistoryEntry, parseHistory } from "../spec/oci-image-config.ts";
import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";

/** How an image was made, as its config tells, the first step first; empty where that says nothing, or is not here. */
export async function imageHistory(
  record: ImageRecord,
  { store, settings }: Pick<ImageParts, "store" | "settings">,
): Promise<readonly HistoryEntry[]> {
  try {
    return parseHistory(await store.content.read(record.id, settings.maxManifest));
  } catch (error) {
    if (isFault(error, "notFound", "corrupt")) return [];
    throw error;
  }
}
