import { during } from "../../base/fault.ts";
import type { ImageLayer } from "../contract.ts";
import type { ImageParts } from "../parts.ts";
import type { ImageSource } from "../resolve.ts";

/** Has sound blobs in the store until the result is disposed of: those that were dropped are fetched again for so long. */
export async function borrowBlobs(
  blobs: readonly ImageLayer["blob"][],
  source: () => Promise<ImageSource>,
  { store, work }: ImageParts,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  await using borrowed = new AsyncDisposableStack();
  for (const blob of blobs) {
    using _blob = await work.digestLocks.hold(blob.digest, signal);
    if ((await store.content.size(blob.digest)) === blob.size) continue;
    try {
      const from = await source();
      await store.content.write(from.layer(blob, signal), blob);
    } catch (error) {
      throw during(`fetching layer ${blob.digest} again`, error);
    }
    borrowed.defer(() => store.content.delete(blob.digest));
  }
  return borrowed.move();
}
