import { throwIfEnded } from "../base/deadline.ts";
import { freeBytes } from "../base/memory.ts";
import type {
  GrowingBlob,
  LayerSource,
  LayerUnpacker,
  UnpackedLayer,
  UnpackRequest,
} from "./unpack-contract.ts";
import type { BlobPlace } from "./worker/protocol.ts";
import { newRing, RingWriter } from "./worker/ring.ts";
import type { Job, SnapshotWorkers } from "./workers.ts";

/**
 * Unpacks layers on `workers`.
 *
 * @param igzip the path of igzip, where it is installed: it inflates four times faster than zlib
 */
export function openUnpacker(workers: SnapshotWorkers, igzip: string | undefined): LayerUnpacker {
  return {
    unpackLayer: (request, signal) => unpackLayer(workers, igzip, request, signal),
    close: () => workers.close(),
  };
}

async function unpackLayer(
  workers: SnapshotWorkers,
  igzip: string | undefined,
  request: UnpackRequest,
  signal: AbortSignal,
): Promise<UnpackedLayer> {
  const { source, directory, mediaType, cipher, limits, artifact, keepBlobAt, listFilesAt } = request;
  throwIfEnded(signal, "unpacking a layer");
  const [from, feeder] = placeOf(source);
  let done = 0;
  const outcome = Promise.withResolvers<UnpackedLayer>();
  const job = workers.start({
    consumed: (bytes) => {
      done += bytes;
      request.progress?.(done);
      feeder?.roomAgain();
    },
    done: (gives) => outcome.resolve(gives as UnpackedLayer),
    failed: (why) => outcome.reject(why),
  });
  const { id } = job;
  job.say({
    id,
    say: "unpack",
    job: { directory, mediaType, cipher, limits, artifact, keepBlobAt, listFilesAt, igzip },
    from,
  });
  const abort = () => job.say({ id, say: "abort" });
  signal.addEventListener("abort", abort, { once: true });
  // Whatever ends this, the worker has stopped writing by then: it is its word that is waited for.
  let sourceError: unknown;
  feeder?.feed(job).catch((error: unknown) => {
    sourceError = error;
    abort();
  });
  try {
    return await outcome.promise;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throwIfEnded(signal, "unpacking a layer");
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    feeder?.stop();
  }
}

/** What has the worker go on as more of the blob comes. */
interface BlobFeeder {
  /** Until the blob has come whole, or is no longer wanted. @throws why it does not come */
  feed(job: Job): Promise<void>;
  /** The worker has read on. */
  roomAgain(): void;
  /** Whatever is still to come is not wanted. */
  stop(): void;
}

function placeOf(source: LayerSource): [BlobPlace, BlobFeeder | undefined] {
  if ("growth" in source)
    return [{ file: source.file, growth: source.growth.memory }, tellingOfGrowth(source)];
  if ("file" in source) return [source, undefined];
  const feeder = new Feeder(source);
  return [{ ring: feeder.ring }, feeder];
}

function tellingOfGrowth({ growth, onGrown, whole }: GrowingBlob): BlobFeeder {
  return {
    async feed(job) {
      onGrown(() => {
        if (growth.takeWaiting()) job.say({ id: job.id, say: "more" });
      });
      await whole;
      job.say({ id: job.id, say: "end" });
    },
    roomAgain: () => undefined,
    stop: () => onGrown(() => undefined),
  };
}

/** Writes a source's chunks into the worker's ring. */
class Feeder implements BlobFeeder {
  readonly ring = newRing();
  readonly #writer = new RingWriter(this.ring);
  readonly #source: AsyncIterator<Uint8Array>;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async feed(job: Job): Promise<void> {
    for (let next = await this.#source.next(); next.done !== true; next = await this.#source.next()) {
      await this.#write(next.value, job);
      if (this.#stopped) return;
      freeBytes(next.value);
    }
    job.say({ id: job.id, say: "end" });
  }

  async #write(chunk: Uint8Array, job: Job): Promise<void> {
    for (let at = 0; at < chunk.length && !this.#stopped; ) {
      at += this.#writer.write(at === 0 ? chunk : chunk.subarray(at));
      if (this.#writer.takeWaiting()) job.say({ id: job.id, say: "more" });
      if (at === chunk.length) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  roomAgain(): void {
    this.#wake?.();
  }

  /** Closes the source. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
    // Not waited for: a source that hangs would hold the caller; its error is that of an unused stream.
    this.#source.return?.()?.catch(() => undefined);
  }
}
