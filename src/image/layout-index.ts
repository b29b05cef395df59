import { mediaTypes } from "../spec/oci-image.ts";
import type { ImageParts } from "./parts.ts";

/**
 * Lists the images in the index.json of the blob store, so that other tools read it as an OCI image layout.
 */
export async function writeLayoutIndex({ store }: ImageParts): Promise<void> {
  const manifests = [...store.records.values()].flatMap(({ manifest, tags }) => {
    const names = tags.length === 0 ? [undefined] : tags;
    return names.map((name) => ({
      ...manifest,
      ...(name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": name } }),
    }));
  });
  await store.content.writeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}
