import type { Readable, Writable } from "node:stream";
import { Fault } from "../../base/fault.ts";
import { openStreams } from "./open-streams.ts";
import { exitCodeOf, textOf } from "./run-streamed.ts";

/** What a process behind a URL is joined with. */
export interface Piped {
  /** Its input. A piece may be changed once the next one is asked for. */
  readonly input?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Takes its output, each piece before the next one comes. */
  readonly output?: (piece: Uint8Array) => void | Promise<void>;
}

/** How it ended, and what it wrote to standard error. */
export interface PipedEnd {
  readonly code: number;
  readonly errors: string;
}

const protocol = "v4.channel.k8s.io";

/**
 * Runs the process behind a runtime's URL with input and output of the command's own.
 *
 * @throws {Fault} unavailable when the connection breaks; internal with what the runtime says; what `input` and `output`
 * throw: the process is killed then
 */
export async function runPiped(url: string, { input, output }: Piped): Promise<PipedEnd> {
  const session = await openStreams(url, [protocol]);
  try {
    const open = (streamType: string) => session.open({ streamType });
    // in the order in which other clients open them
    const error = open("error");
    const stdin = input === undefined ? undefined : open("stdin");
    const stdout = output === undefined ? undefined : open("stdout");
    const stderr = open("stderr");
    const told = textOf(error);
    const [text, errors] = await Promise.all([
      told,
      textOf(stderr),
      stdin && input && feed(input, stdin, told),
      stdout && output && take(stdout, output),
    ]);
    if (text === "") throw new Fault("unavailable", "the connection to the runtime's streams broke");
    return { code: exitCodeOf(text), errors };
  } finally {
    session.destroy();
  }
}

/** Until all is sent, or the process has ended without wanting the rest. */
async function feed(
  input: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  to: Writable,
  ended: Promise<unknown>,
): Promise<void> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  to.on("error", () => undefined); // told on the error channel, or by its end
  for await (const piece of input) {
    const sent = new Promise<void>((resolve) => to.write(piece, () => resolve()));
    await Promise.race([sent, over]);
    if (isOver) return;
  }
  to.end();
}

async function take(from: Readable, output: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
  for await (const piece of from) await output(piece as Buffer);
}
