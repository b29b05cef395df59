import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { Fault } from "../../base/fault.ts";
import { Pipe } from "../../linux/pipe.ts";
import { GzipTail } from "./gzip-tail.ts";
import { type Chunks, EndedEarly, followedByGarbage, passThrough, type Take } from "./stream.ts";

/** igzip reads and writes this much at once; pipes that hold it let both sides run on (pipe(7): an unprivileged maximum). */
const pipeBytes = 1_048_576;
/** Small enough for what was read to stay in the processor's cache until it is hashed and written. */
const readBytes = 262_144;

/**
 * Inflates by igzip, which is four times faster than zlib, and as a process of its own runs beside the writing.
 *
 * @param path of igzip
 * @throws {Fault} corrupt: damaged, cut short, or followed by something else; else what `chunks` or `take` threw
 */
export async function byIgzip(path: string, chunks: Chunks, take: Take): Promise<void> {
  const tail = new GzipTail();
  let unpacked = 0;
  const watched = (async function* () {
    for await (const chunk of chunks) {
      tail.push(chunk);
      yield chunk;
    }
  })();
  const child = start(path);
  const output = readInto(child.output, (chunk) => {
    unpacked += chunk.length;
    take(chunk);
  });
  try {
    await passThrough(child.input, output.ended, watched);
    await child.closed;
  } catch (error) {
    if (!(error instanceof EndedEarly)) {
      child.kill();
      await child.closed.catch(() => undefined);
      throw error;
    }
    await child.closed; // its own word goes first
    throw followedByGarbage();
  } finally {
    child.input.destroy();
    output.close();
  }
  if (tail.endsInGarbage(unpacked)) throw followedByGarbage();
}

interface Running {
  readonly input: Socket;
  /** The read end of its output. */
  readonly output: number;
  /** Resolves when it has ended well. @throws {Fault} */
  readonly closed: Promise<void>;
  kill(): void;
}

/** Node's own pipes are socket pairs, which hold less and cost more. */
function start(path: string): Running {
  using toChild = new Pipe();
  using fromChild = new Pipe();
  toChild.widen(pipeBytes);
  fromChild.widen(pipeBytes);
  const child = spawn(path, ["-d", "-c"], { stdio: [toChild.read, fromChild.write, "pipe"], env: {} });
  const said: Uint8Array[] = [];
  child.stderr?.on("data", (chunk: Uint8Array) => said.length < 8 && said.push(chunk));
  const closed = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Fault("unavailable", `starting ${path}`, { cause: error })));
    child.once("close", (code, signal) => {
      const message = Buffer.concat(said).toString("utf8").trim().slice(0, 500);
      if (code === 0) resolve();
      else if (signal !== null) reject(new Fault("internal", `${path} was ended by ${signal}`));
      else reject(new Fault("corrupt", "the layer can't be inflated", { cause: new Error(message) }));
    });
  });
  closed.catch(() => undefined);
  const input = new Socket({ fd: toChild.release("write"), readable: false, writable: true });
  return { input, output: fromChild.release("read"), closed, kill: () => child.kill("SIGKILL") };
}

/** Gives all that comes from `fd` to `take`, always in the same memory. `ended` rejects with what `take` throws. */
function readInto(fd: number, take: Take): { ended: Promise<void>; close(): void } {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const callback = (count: number, buffer: Uint8Array) => {
    try {
      take(buffer.subarray(0, count));
      return true;
    } catch (error) {
      reject(error);
      output.destroy();
      return false;
    }
  };
  const onread = { buffer: Buffer.allocUnsafeSlow(readBytes), callback };
  const output = new Socket({ fd, readable: true, writable: false, onread });
  output.once("error", reject);
  output.once("close", () => resolve());
  output.resume();
  return { ended, close: () => output.destroy() };
}
