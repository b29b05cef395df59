import { isMarkedAsUntransferable } from "node:worker_threads";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { LayerUnpacker, UnpackedLayer, UnpackRequest } from "./unpack-contract.ts";
import type { Job, SnapshotWorkers } from "./workers.ts";

/** Of one layer's blob, on the way to the worker and waiting there. */
const maxBuffered = 4_194_304;

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
  const { source, directory, mediaType, limits, keepBlobAt } = request;
  throwIfEnded(signal, "unpacking a layer");
  const credit = new Credit(request.progress);
  const outcome = Promise.withResolvers<UnpackedLayer>();
  const job = workers.start({
    consumed: (bytes) => credit.give(bytes),
    done: (gives) => outcome.resolve(gives as UnpackedLayer),
    failed: (why) => outcome.reject(why),
  });
  const { id } = job;
  const file = "file" in source ? source.file : undefined;
  job.say({ id, say: "unpack", job: { directory, mediaType, limits, keepBlobAt, igzip }, file });
  const abort = () => job.say({ id, say: "abort" });
  signal.addEventListener("abort", abort, { once: true });
  // Whatever ends this, the worker has stopped writing by then: it is its word that is waited for.
  const feeding = "file" in source ? undefined : feed(source, job, credit, outcome.promise);
  let sourceError: unknown;
  feeding?.catch((error: unknown) => {
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
  }
}

/** How much may still be sent. */
class Credit {
  readonly #progress: ((done: number) => void) | undefined;
  #outstanding = 0;
  #done = 0;
  #wake: (() => void) | undefined;

  constructor(progress: ((done: number) => void) | undefined) {
    this.#progress = progress;
  }

  /** Resolves when the next bytes may go; at least one chunk always may. */
  async take(bytes: number): Promise<void> {
    while (this.#outstanding > 0 && this.#outstanding + bytes > maxBuffered)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#outstanding += bytes;
  }

  give(bytes: number): void {
    this.#outstanding -= bytes;
    this.#done += bytes;
    this.#progress?.(this.#done);
    this.#wake?.();
  }
}

/** Sends the source's chunks until it ends, or the worker has its outcome. @throws what the source throws */
async function feed(
  source: AsyncIterable<Uint8Array>,
  job: Job,
  credit: Credit,
  outcome: Promise<unknown>,
): Promise<void> {
  const over = outcome.then(
    () => undefined,
    () => undefined,
  );
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), over]);
      if (next === undefined) return;
      if (next.done === true) break;
      if ((await Promise.race([credit.take(next.value.length).then(() => true), over])) === undefined) return;
      send(job, next.value);
    }
    job.say({ id: job.id, say: "end" });
  } finally {
    // Not waited for: a source that hangs would hold the caller; its error is that of an unused stream.
    iterator.return?.()?.catch(() => undefined);
  }
}

/** Moves a chunk's memory when it has that for itself; else what is sent is a copy of the chunk alone. */
function send(job: Job, chunk: Uint8Array): void {
  const { buffer } = chunk;
  const { id } = job;
  if (!(buffer instanceof ArrayBuffer))
    throw new Fault("invalid", "a layer's chunks may not be shared memory");
  const whole = chunk.byteLength === buffer.byteLength && !isMarkedAsUntransferable(buffer);
  const bytes = new Uint8Array(whole ? buffer : chunk);
  job.say({ id, say: "chunk", chunk: bytes }, [bytes.buffer as ArrayBuffer]);
}
