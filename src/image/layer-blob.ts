import type { Bytes } from "../base/units.ts";
import type { BlobTarget, FetchWatch } from "../registry/blob-fetch.ts";
import type { LayerSource } from "../snapshot/unpack-contract.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import type { UnpackParts } from "./parts.ts";
import type { RateWatch } from "./rate-watch.ts";

/** How a layer's bytes come: as a stream, or into a place that keeps what came for the next try. */
export type LayerFeed =
  | { readonly stream: (signal: AbortSignal) => AsyncIterable<Uint8Array> }
  | { readonly fetch: (into: BlobTarget, watch: FetchWatch, signal: AbortSignal) => Promise<void> };

/** A layer's blob that is to come. */
export interface WantedBlob {
  readonly blob: Descriptor;
  /** How to come by its bytes, not verified. Asked only when the blob is not in the store. */
  readonly bytes: LayerFeed;
  /** Keeps the blob, whatever the settings say of pulled ones. */
  readonly keepBlob: boolean;
}

/** A layer's blob, to be unpacked while it comes. */
export interface OpenBlob {
  readonly source: LayerSource;
  /** So much of it was unpacked. */
  readTo(bytes: Bytes): void;
  /** All of it was unpacked, and is what it should be. */
  verified(): void;
  /** It is not what it should be: what is here of it goes when it is closed. */
  isWrong(): void;
  /** Ends what still brings it. */
  close(): Promise<void>;
}

/**
 * Opens a layer's blob: in the store, or as it comes. It comes as it is stored: what is to be done to it before it is
 * inflated belongs to the unpacker, which reads it off the main thread.
 */
export async function openBlob(
  { blob, bytes, keepBlob }: WantedBlob,
  parts: UnpackParts,
  watch: RateWatch,
  signal: AbortSignal,
): Promise<OpenBlob> {
  if (await hasBlob(blob, parts)) return storedBlob(blob, parts);
  if ("stream" in bytes) return { ...untold, source: watched(bytes.stream(signal), watch) };
  return fetchedBlob({ blob, keepBlob }, bytes.fetch, parts, watch, signal);
}

const untold: Omit<OpenBlob, "source"> = {
  readTo: () => undefined,
  verified: () => undefined,
  isWrong: () => undefined,
  close: async () => undefined,
};

function storedBlob(blob: Descriptor, { store }: UnpackParts): OpenBlob {
  let rotten = false;
  return {
    ...untold,
    source: { file: store.content.pathOf(blob.digest) },
    isWrong: () => {
      rotten = true;
    },
    // It must not stand in the way of the next try.
    close: async () => {
      if (rotten) await store.content.delete(blob.digest);
    },
  };
}

async function* watched(chunks: AsyncIterable<Uint8Array>, watch: RateWatch): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    watch.moved(chunk.length);
    yield chunk;
  }
}

type Fetch = Extract<LayerFeed, { fetch: unknown }>["fetch"];

async function fetchedBlob(
  { blob, keepBlob }: Pick<WantedBlob, "blob" | "keepBlob">,
  fetch: Fetch,
  { store }: UnpackParts,
  watch: RateWatch,
  signal: AbortSignal,
): Promise<OpenBlob> {
  const partial = await store.content.openPartial(blob);
  const closed = new AbortController();
  const whole = fetch(partial, watch, AbortSignal.any([signal, closed.signal]));
  // From then on nothing is left to be waited for but this machine, however busy it is.
  let unpacking: Disposable | undefined;
  whole.then(
    () => {
      unpacking = watch.waiting();
    },
    () => undefined,
  );
  let state: "open" | "verified" | "wrong" = "open";
  return {
    source: {
      file: partial.path,
      growth: partial.growth,
      onGrown: (listener) => partial.onGrown(listener),
      whole,
    },
    readTo: (bytes) => partial.readTo(bytes),
    verified: () => {
      state = "verified";
    },
    isWrong: () => {
      state = "wrong";
    },
    async close() {
      closed.abort();
      unpacking?.[Symbol.dispose]();
      await whole.catch(() => undefined);
      const adopt = keepBlob && state === "verified";
      if (adopt) await store.content.adoptPartial(partial, blob.digest);
      await partial[Symbol.asyncDispose]();
      if (state === "wrong") await store.content.dropPartial(blob.digest);
    },
  };
}

/** True if the blob is in the store. */
export async function hasBlob(blob: Descriptor, { store, work }: UnpackParts): Promise<boolean> {
  using _blob = await work.digestLocks.hold(blob.digest, new AbortController().signal);
  return (await store.content.size(blob.digest)) === blob.size;
}
