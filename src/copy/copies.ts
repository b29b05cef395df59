import { Socket } from "node:net";
import { extname } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import type { Worker } from "node:worker_threads";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import { type FaultMessage, fromFaultMessage } from "../linux/fault-message.ts";
import { Pipe } from "../linux/pipe.ts";
import { startThread } from "../linux/start-thread.ts";
import type { CopyCall, CopyRoot, CopyTask } from "./contract.ts";

/** Where berth is installed its sources are plain JavaScript. */
const threadModule = new URL(`./copy-thread${extname(import.meta.url)}`, import.meta.url);
/** A thread takes some 10 MB while it lives. */
const mostCopies = 8;
const pipeBytes: Bytes = 1 << 20;
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256, stackSizeMb: 4 };

/** A copy on its way, in the shape of a process whose stdio is in the caller's hands. */
export interface RunningCopy {
  /** Of a copy into a container: takes the tar. */
  readonly stdin: Writable | undefined;
  /** Of a copy from a container: gives the tar. */
  readonly stdout: Readable | undefined;
  /** What was left out, a line each. */
  readonly stderr: Readable;
  resize(): void;
  /** 0; rejects with a Fault that says what went wrong. */
  readonly exited: Promise<number>;
  /** The copy ends, too, once its pipe is destroyed. */
  kill(): Promise<void>;
}

type FromThread = { readonly fault: FaultMessage } | { readonly skipped: string };

/** Copies files of containers, each on a thread of its own that ends with it. */
export class Copies {
  #running = 0;

  /** @throws {Fault} exhausted when too many are on their way */
  start(root: CopyRoot, call: CopyCall): RunningCopy {
    if (this.#running >= mostCopies) {
      throw new Fault("exhausted", `${mostCopies} copies are on their way already`, {
        hint: "try again later",
      });
    }
    using ends = new DisposableStack();
    const pipe = ends.use(new Pipe());
    pipe.widen(pipeBytes);
    const isFrom = call.way === "from";
    const [ownEnd, threadsEnd] = isFrom ? (["read", "write"] as const) : (["write", "read"] as const);
    const task: CopyTask = { root, call, fd: pipe[threadsEnd] };
    const worker = startThread(threadModule, {
      name: "berth-copy",
      workerData: task,
      resourceLimits,
      execArgv: [],
    });
    const own = new Socket({ fd: pipe.release(ownEnd), readable: isFrom, writable: !isFrom });
    const stderr = new PassThrough();
    this.#running += 1;
    const open = ends.move();
    const exited = this.#ended(worker, stderr).finally(() => open.dispose());
    exited.catch(() => undefined); // told to whoever asks
    return {
      stdin: isFrom ? undefined : own,
      stdout: isFrom ? own : undefined,
      stderr,
      resize: () => undefined,
      exited,
      async kill() {
        own.destroy(); // the thread meets the pipe's end
      },
    };
  }

  #ended(worker: Worker, stderr: PassThrough): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let failure: unknown;
    worker.on("message", (told: FromThread) => {
      if ("fault" in told) failure = fromFaultMessage(told.fault);
      else stderr.write(`${told.skipped}\n`);
    });
    worker.on("error", (error) => {
      failure = new Fault("internal", "the copying thread ended", { cause: error });
    });
    worker.on("exit", () => {
      this.#running -= 1;
      stderr.end();
      if (failure === undefined) resolve(0);
      else reject(failure);
    });
    return promise;
  }
}
