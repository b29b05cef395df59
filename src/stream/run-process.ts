import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ms } from "../base/units.ts";
import type { StreamedProcess } from "../runtime/contract.ts";
import type { Channels } from "./channels.ts";
import type { Outcome } from "./outcome.ts";
import { passOn } from "./pass-on.ts";

/** How long output may stay away, once the process has ended, when something that it left running holds the pipe. */
const silenceMs: Ms = 250;

/**
 * Joins a process and its client until the process has ended and all its output is handed over, or the client is gone:
 * then the process is killed with all it started. A slow client slows the process.
 */
export async function runProcess(
  start: (signal: AbortSignal) => Promise<StreamedProcess>,
  channels: Channels,
): Promise<void> {
  let process: StreamedProcess | undefined;
  try {
    process = await start(channels.gone);
    const outcome = await joined(process, channels);
    await channels.finish(outcome);
  } catch (error) {
    await channels.finish({ kind: "failed", error });
  } finally {
    await process?.kill(); // nothing where it has ended
    for (const stream of [process?.stdin, process?.stdout, process?.stderr]) stream?.destroy();
  }
}

async function joined(process: StreamedProcess, channels: Channels): Promise<Outcome> {
  channels.onResize((size) => process.resize(size));
  feed(channels.stdin, process.stdin);
  const outputs = [new Output(process.stdout, channels.stdout), new Output(process.stderr, channels.stderr)];
  const gone = aborted(channels.gone);
  const ended = await Promise.race([process.exited.then((code) => ({ code })), gone]);
  if (ended === undefined) return { kind: "over" };
  await Promise.race([Promise.all(outputs.map((output) => output.drained())), gone]);
  return ended.code === undefined ? { kind: "over" } : { kind: "exited", code: ended.code };
}

/** Input that the process does not want is dropped; its end is passed on. */
function feed(from: Readable | undefined, to: Writable | undefined): void {
  if (from === undefined) return;
  if (to === undefined) {
    from.resume();
    return;
  }
  passOn(from, to, { end: true }).catch(() => from.resume());
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}

/** One stream of output on its way to the client. */
class Output {
  readonly #ended: Promise<void>;
  readonly #to: Writable | undefined;
  #heardAt = performance.now();

  constructor(from: Readable | undefined, to: Writable | undefined) {
    this.#to = to;
    from?.on("data", () => {
      this.#heardAt = performance.now();
    });
    // a client that takes no more of it does not end the process
    this.#ended = from === undefined ? Promise.resolve() : this.#pass(from, to);
  }

  async #pass(from: Readable, to: Writable | undefined): Promise<void> {
    if (to === undefined) from.resume();
    else await passOn(from, to, { end: false }).catch(() => from.resume());
  }

  /** Settles when all is handed over, or nothing comes though the client would take it. */
  async drained(): Promise<void> {
    let over = false;
    const ended = this.#ended.then(() => {
      over = true;
    });
    this.#heardAt = performance.now();
    while (!over) {
      await Promise.race([ended, sleep(silenceMs, undefined, { ref: false })]);
      const blocked = this.#to !== undefined && !this.#to.destroyed && this.#to.writableNeedDrain;
      if (!blocked && performance.now() - this.#heardAt >= silenceMs) return;
    }
  }
}
