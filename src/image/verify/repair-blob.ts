import { describeFault, Fault } from "../../base/fault.ts";
import { type Descriptor, parseManifest } from "../../spec/oci-image.ts";
import type { ImageRecord } from "../contract.ts";
import type { ImageParts } from "../parts.ts";
import type { ImageSource } from "../resolve.ts";
import type { VerifiedPart } from "./contract.ts";

/** Puts a blob in the place of a damaged one, whole or not at all. */
export async function repairBlob(
  found: VerifiedPart,
  described: () => Promise<Pick<Descriptor, "digest" | "size" | "mediaType">>,
  source: () => Promise<ImageSource>,
  { store, work }: ImageParts,
  signal: AbortSignal,
): Promise<VerifiedPart> {
  try {
    const blob = await described();
    const from = await source();
    using _blob = await work.digestLocks.hold(blob.digest, signal);
    if (found.what === "blob") await store.content.write(from.layer(blob, signal), blob);
    else await store.content.replace(await from.small(blob, signal));
    await store.content.sync();
    return { ...found, state: "repaired" };
  } catch (error) {
    return { ...found, reason: `${found.reason}; it can't be repaired: ${describeFault(error)}` };
  }
}

/** An image's config, as its manifest names it. */
export async function configOf(
  { manifest }: ImageRecord,
  { store, settings }: ImageParts,
): Promise<Descriptor> {
  const bytes = await store.content.read(manifest.digest, settings.maxManifest);
  const parsed = parseManifest(bytes, manifest.mediaType);
  if (parsed.kind !== "manifest") throw new Fault("corrupt", "the image's manifest is no manifest");
  return parsed.config;
}
