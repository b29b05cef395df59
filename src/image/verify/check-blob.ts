import { describeFault, isFault } from "../../base/fault.ts";
import type { Digest } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import type { ImageLayer } from "../contract.ts";
import type { ImageParts } from "../parts.ts";
import type { VerifiedPart } from "./contract.ts";

/** Compares a manifest or config with its digest. */
export async function checkSmallBlob(
  what: "manifest" | "config",
  digest: Digest,
  { store, settings }: ImageParts,
): Promise<VerifiedPart> {
  const bytes = async () => (await store.content.read(digest, settings.maxManifest)).length;
  return verdict(what, digest, bytes);
}

/** Compares a layer's blob with its digest. @returns undefined when it is not kept */
export async function checkLayerBlob(
  { digest }: ImageLayer["blob"],
  { store }: ImageParts,
  signal: AbortSignal,
): Promise<VerifiedPart | undefined> {
  if ((await store.content.size(digest)) === undefined) return undefined;
  return verdict("blob", digest, async () => {
    let read = 0;
    for await (const chunk of store.content.stream(digest, signal)) read += chunk.length;
    return read;
  });
}

async function verdict(
  what: VerifiedPart["what"],
  digest: Digest,
  read: () => Promise<Bytes>,
): Promise<VerifiedPart> {
  const part = { what, digest, files: 0, damaged: [], more: 0 };
  try {
    return { ...part, state: "sound", bytes: await read() };
  } catch (error) {
    if (isFault(error, "cancelled")) throw error;
    return { ...part, state: "damaged", bytes: 0, reason: describeFault(error) };
  }
}
