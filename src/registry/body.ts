import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import { freeBytes } from "../base/memory.ts";
import type { Bytes, Ms } from "../base/units.ts";
import { ConnectionLost, endedFault, showUrl } from "./transport.ts";

/** What may wait for a reader that takes its time, before the connection is read no further. */
const queueMax: Bytes = 262_144;

/**
 * Reads a whole body.
 *
 * @throws {Fault} exhausted beyond `max`; {ConnectionLost} when it breaks off
 */
export async function readBody(
  answer: IncomingMessage,
  url: URL,
  max: Bytes,
  stall: Ms,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of bodyChunks(answer, url, stall, signal)) {
    total += chunk.length;
    if (total > max) {
      throw new Fault("exhausted", `${showUrl(url)} answers with more than ${max} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The body as it comes, chunk by chunk; as `bodyBatches` else. */
export async function* bodyChunks(
  ...from: Parameters<typeof bodyBatches>
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const batch of bodyBatches(...from)) yield* batch;
}

/**
 * The body as it comes: each time all that has come meanwhile. The connection is ended when the reader leaves early, when `signal` aborts, and when
 * nothing comes for `stall` while the reader waits; a reader that takes its time stalls nothing.
 *
 * @throws {ConnectionLost} when it breaks off or stalls
 */
export async function* bodyBatches(
  answer: IncomingMessage,
  url: URL,
  stall: Ms,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array[], void, undefined> {
  const abort = () => answer.destroy(new Error("given up"));
  signal.addEventListener("abort", abort, { once: true });
  using queue = new BodyQueue(answer);
  // One timer for the whole body: a new one for each chunk would cost more than reading it.
  const timer = setTimeout(() => {
    if (queue.waitedFor) answer.destroy(new Error(`nothing came for ${stall} ms`));
  }, stall);
  try {
    throwIfEnded(signal, `reading ${showUrl(url)}`);
    for (;;) {
      timer.refresh();
      const batch = await queue.next();
      if (batch === undefined) break;
      yield batch;
    }
    if (!answer.complete) throw new Error("the connection was closed before the end");
  } catch (cause) {
    if (signal.aborted) throw endedFault(signal, url);
    throw new ConnectionLost(url, cause);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    if (!answer.complete) answer.destroy();
  }
}

/** The chunks of a body by its events, which cost less than the stream's own iterator. */
class BodyQueue implements Disposable {
  readonly #answer: IncomingMessage;
  readonly #socket: Socket;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(answer: IncomingMessage) {
    this.#answer = answer;
    this.#socket = answer.socket;
    // HTTP's own listener comes before this one, and copies the body out of what the socket gives.
    this.#socket.on("data", freeBytes);
    answer.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      if (this.#size >= queueMax) answer.pause();
      this.#wake?.();
    });
    answer.once("error", (error) => this.#end(error));
    answer.once("close", () => this.#end(undefined));
    answer.once("end", () => this.#end(undefined));
    if (answer.destroyed) this.#end(answer.errored ?? undefined);
  }

  /** True while `next` waits for something to come. */
  get waitedFor(): boolean {
    return this.#wake !== undefined;
  }

  /** Undefined at the end. @throws the stream's error */
  async next(): Promise<Uint8Array[] | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      if (this.#answer.isPaused()) this.#answer.resume();
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    const batch = this.#chunks;
    this.#chunks = [];
    this.#size = 0;
    return batch;
  }

  [Symbol.dispose](): void {
    this.#socket.off("data", freeBytes);
  }

  #end(error: Error | undefined): void {
    // Before the connection is another request's, whose listener would come after this one and find nothing.
    this.#socket.off("data", freeBytes);
    this.#error ??= error;
    this.#ended = true;
    this.#wake?.();
  }
}
