import { mediaTypes } from "../spec/oci-image.ts";
import type { ImageRecord } from "./contract.ts";
import { trustedImages } from "./find.ts";
import type { ImageParts } from "./parts.ts";
import { blobsOf } from "./sweep.ts";

/**
 * Keeps the index.json of the blob store, by which other tools read it as an OCI image layout: it lists the images whose
 * blobs are all here. Replaced whole, so that a reader finds the old list or the new one.
 */
export class LayoutIndex {
  readonly #parts: ImageParts;
  #written = "";
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(parts: ImageParts) {
    this.#parts = parts;
  }

  /** Brings it in line with what is recorded by now. */
  update(): Promise<void> {
    // One that has not begun yet will see what this caller has recorded.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#write();
    });
    this.#running = this.#next.catch(() => undefined);
    return this.#next;
  }

  async #write(): Promise<void> {
    const { content, records, bootId } = this.#parts.store;
    const here = new Set((await content.list()).map(({ digest }) => digest));
    const whole = [...trustedImages(records, bootId)].filter((record) =>
      blobsOf(record).every((digest) => here.has(digest)),
    );
    const manifests = whole.flatMap(descriptorsOf);
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    const text = JSON.stringify(index);
    if (text === this.#written) return;
    await content.writeIndex(index);
    this.#written = text;
  }
}

/** One for each name. A name is whole, with its host: tags alone would not tell images apart. */
function descriptorsOf({ manifest, tags }: ImageRecord): object[] {
  if (tags.length === 0) return [manifest];
  return tags.map((tag) => ({
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": tag },
  }));
}
