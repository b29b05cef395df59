import type { Writable } from "node:stream";
import { Fault } from "../../base/fault.ts";

/** A blob as it comes; each chunk is only valid until the next one is asked for. */
export type Chunks = AsyncIterable<Uint8Array>;

/** Gets what came out, piece by piece; each is only valid during the call. */
export type Take = (chunk: Uint8Array) => void;

/** The output ended while there was still input. */
export class EndedEarly extends Error {}

export const followedByGarbage = () =>
  new Fault("corrupt", "something follows the end of the compressed layer");

/**
 * Feeds `chunks` to `input` as fast as it takes them, until `ended` says that nothing more comes out.
 *
 * @throws {EndedEarly} when there is input left then; what `ended` and `chunks` throw, the former first
 */
export async function passThrough(input: Writable, ended: Promise<void>, chunks: Chunks): Promise<void> {
  const stop = new AbortController();
  // What ends the output says why; the input only notices (EPIPE).
  input.on("error", () => undefined);
  const over = ended.finally(() => stop.abort());
  const fed = feed(input, chunks, stop.signal).catch(async (error: unknown) => {
    if (error instanceof EndedEarly) await over;
    throw error;
  });
  await Promise.all([over, fed]);
}

async function feed(input: Writable, chunks: Chunks, stop: AbortSignal): Promise<void> {
  for await (const chunk of chunks)
    if (stop.aborted || !(await written(input, chunk, stop))) throw new EndedEarly();
  if (!stop.aborted) input.end();
}

/** Resolves once `chunk` is no longer needed: true; or with false, at the latest when there is no more output. */
function written(input: Writable, chunk: Uint8Array, stop: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const give = () => resolve(false);
    stop.addEventListener("abort", give, { once: true });
    input.write(chunk, (error) => {
      stop.removeEventListener("abort", give);
      resolve(error === null || error === undefined);
    });
  });
}
