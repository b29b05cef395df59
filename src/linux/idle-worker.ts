import type { Worker } from "node:worker_threads";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { startThread } from "./start-thread.ts";

/** A worker's heap is small: it makes calls and passes results on. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64, stackSizeMb: 2 };

interface Asked<Task, Answer> {
  readonly task: Task;
  readonly answered: PromiseWithResolvers<Answer>;
}

/**
 * A worker thread that starts with its first task and ends when it has had none for `idleMs`. It does one
 * task at a time, in the order they were given: a thread that dies takes the oldest with it, and the others go to the
 * next thread.
 */
export class IdleWorker<Task, Answer> implements AsyncDisposable {
  readonly #module: URL;
  readonly #idleMs: Ms;
  readonly #name: string;
  /** Oldest first. */
  readonly #asked: Asked<Task, Answer>[] = [];
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(name: string, module: URL, idleMs: Ms) {
    this.#name = name;
    this.#module = module;
    this.#idleMs = idleMs;
  }

  /** True while the thread is there. */
  get running(): boolean {
    return this.#worker !== undefined;
  }

  /** @throws {Fault} internal when the thread ended before it answered; exhausted when there may be no more threads */
  ask(task: Task): Promise<Answer> {
    const asked = { task, answered: Promise.withResolvers<Answer>() };
    this.#asked.push(asked);
    if (this.#worker === undefined) this.#start();
    else {
      this.#worker.ref();
      this.#worker.postMessage(task);
    }
    return asked.answered.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#asked.map(({ answered }) => answered.promise));
    await this.#end();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /** Starts the thread and gives it all that is asked for. */
  #start(): void {
    let worker: Worker;
    try {
      worker = startThread(this.#module, { name: this.#name, resourceLimits, execArgv: [] });
    } catch (error) {
      // What is asked for later must not find these, whose askers were told that they failed.
      for (const { answered } of this.#asked.splice(0)) answered.reject(error);
      return;
    }
    let reason: unknown;
    worker.on("message", (answer: Answer) => this.#answered(answer));
    worker.on("error", (error) => {
      reason = error; // followed by an exit
    });
    worker.on("exit", () => this.#exited(worker, reason));
    this.#worker = worker;
    for (const { task } of this.#asked) worker.postMessage(task);
  }

  #answered(answer: Answer): void {
    this.#asked.shift()?.answered.resolve(answer);
    if (this.#asked.length > 0) return;
    this.#worker?.unref();
    if (this.#idle === undefined) this.#idle = setTimeout(() => this.#endIdle(), this.#idleMs).unref();
    else this.#idle.refresh();
  }

  #endIdle(): void {
    if (this.#asked.length === 0) void this.#end();
    else this.#idle?.refresh();
  }

  #exited(worker: Worker, reason: unknown): void {
    if (worker !== this.#worker) return; // told to end
    this.#worker = undefined;
    const told = reason === undefined ? {} : { cause: reason };
    const fault = new Fault("internal", `the thread "${this.#name}" ended before it answered`, told);
    this.#asked.shift()?.answered.reject(fault);
    if (this.#asked.length > 0) this.#start();
  }
}
