import { during, Fault } from "../base/fault.ts";
import type { ImageId } from "../base/ids.ts";
import type { ImageRecord } from "./contract.ts";
import { sourceOfImage } from "./find-at-registry.ts";
import type { UnpackParts } from "./parts.ts";
import { bringImage } from "./pull.ts";
import { isUnpacked, nameOf } from "./record.ts";
import type { ImageSource } from "./resolve.ts";
import { configDigestOf, resolvedFrom } from "./resolved.ts";

/**
 * Unpacks an image that is here in another snapshotter, too. Blobs that were dropped after unpacking are fetched again,
 * without a credential.
 *
 * @throws {Fault} notFound when the image is gone, or a blob can't be had
 */
export async function unpackIn(id: ImageId, parts: UnpackParts, signal: AbortSignal): Promise<void> {
  const { store, snapshotter, settings } = parts;
  const record = store.records.get(id);
  if (record === undefined) throw new Fault("notFound", `image ${id} is not on this node any more`);
  if (isUnpacked(record, snapshotter.name, store.bootId)) return;
  try {
    const image = resolvedFrom(record, {
      manifestBytes: await store.content.read(record.manifest.digest, settings.maxManifest),
      configBytes: await store.content.read(configDigestOf(record), settings.maxManifest),
    });
    const { tags, digests } = record;
    const from = { source: await sourceOf(record, parts), names: { tags, digests } };
    await bringImage(image, from, parts, () => undefined, signal);
  } catch (error) {
    throw during(
      `bringing image "${nameOf(record)}" into the snapshotter ${snapshotter.name}`,
      error,
      "a pull for a pod of this runtime handler brings it, with that pull's credentials",
    );
  }
}

/** An image without a name has its blobs here, or can't be had. */
async function sourceOf(record: ImageRecord, parts: UnpackParts): Promise<ImageSource> {
  const source = await sourceOfImage(record, parts);
  if (source !== undefined) return source;
  const lost = () => {
    throw new Fault(
      "notFound",
      "a blob was dropped once it was unpacked, and the image has no name to fetch it by",
    );
  };
  return { small: lost, layer: lost };
}
