import { Worker } from "node:worker_threads";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";

/** A worker's heap is small: it makes calls and passes results on. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64, stackSizeMb: 2 };

/**
 * A worker thread that starts with its first task and ends when it has had none for `idleMs`. It does one
 * task at a time, in the order they were given, so that a thread that dies takes no other task with it.
 */
export class IdleWorker<Task, Answer> implements AsyncDisposable {
  readonly #module: URL;
  readonly #idleMs: Ms;
  readonly #name: string;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(name: string, module: URL, idleMs: Ms) {
    this.#name = name;
    this.#module = module;
    this.#idleMs = idleMs;
  }

  /** True while the thread is there. */
  get running(): boolean {
    return this.#worker !== undefined;
  }

  /** @throws {Fault} internal when the thread ended before it answered */
  ask(task: Task): Promise<Answer> {
    const answer = this.#last.then(() => this.#askNow(task));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#end();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#module, { name: this.#name, resourceLimits, execArgv: [] });
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    this.#worker = worker;
    return worker;
  }

  async #askNow(task: Task): Promise<Answer> {
    clearTimeout(this.#idle);
    const worker = this.#worker ?? this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onExit = () => reject(new Fault("internal", `the thread "${this.#name}" ended before it answered`));
    const onError = (cause: unknown) =>
      reject(new Fault("internal", `the thread "${this.#name}" failed`, { cause }));
    worker.ref();
    worker.once("message", resolve).once("exit", onExit).once("error", onError);
    worker.postMessage(task);
    try {
      return await promise;
    } finally {
      worker.off("message", resolve).off("exit", onExit).off("error", onError);
      worker.unref();
      this.#idle = setTimeout(() => void this.#end(), this.#idleMs).unref();
    }
  }
}
