import { extname } from "node:path";
import type { Worker } from "node:worker_threads";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { startThread } from "../linux/start-thread.ts";
import { type FromWorker, type TaskName, type Tasks, type ToWorker, unpackFault } from "./worker/protocol.ts";

export interface SnapshotWorkersOptions {
  /**
   * Threads, each about 10 MB while it lives. Layers beyond that share one; they don't wait. One more may tidy up.
   */
  readonly atMost: number;
  /** A thread without work ends after so long. */
  readonly idle: Ms;
}

/** How a job's owner hears from its worker. */
export interface JobListener {
  consumed(bytes: number): void;
  done(gives: unknown): void;
  failed(why: Fault): void;
}

/** A job on a worker: what is said to it goes to that worker. */
export interface Job {
  readonly id: number;
  say(message: ToWorker): void;
}

/** An image or a container that makes a worker need more ends that worker, not the daemon. */
const maxOldGenerationSizeMb = 512;

/** What is done in one go and may take a second: on a thread of its own, it holds up no layer that is being unpacked. */
const tidying: ReadonlySet<TaskName> = new Set(["remove", "usage", "changes"]);

type Purpose = "bringing" | "tidying";

interface Thread {
  readonly purpose: Purpose;
  readonly worker: Worker;
  readonly jobs: Map<number, JobListener>;
  /** Resolves when its modules are there, or it has ended. */
  readonly loaded: PromiseWithResolvers<void>;
  idleTimer: NodeJS.Timeout | undefined;
}

/** The worker threads of snapshots and unpacking. They start with the first work and end when there is none. */
export class SnapshotWorkers {
  readonly #options: SnapshotWorkersOptions;
  readonly #threads = new Set<Thread>();
  #lastId = 0;
  #closed = false;

  constructor(options: SnapshotWorkersOptions) {
    this.#options = options;
  }

  /** Does one task off this thread. @throws {Fault} as the task fails, unavailable once closed, exhausted without threads */
  run<Name extends TaskName>(name: Name, takes: Tasks[Name]["takes"]): Promise<Tasks[Name]["gives"]> {
    return new Promise((resolve, reject) => {
      const listener = {
        consumed: () => undefined,
        done: (gives: unknown) => resolve(gives as Tasks[Name]["gives"]),
        failed: reject,
      };
      const job = this.start(listener, tidying.has(name) ? "tidying" : "bringing");
      job.say({ id: job.id, say: "task", name, takes });
    });
  }

  /** Opens a job on the thread that has the fewest. @throws {Fault} unavailable once closed */
  start(listener: JobListener, purpose: Purpose = "bringing"): Job {
    if (this.#closed) throw new Fault("unavailable", "snapshots: the daemon is stopping");
    const thread = this.#leastBusy(purpose);
    const id = ++this.#lastId;
    thread.jobs.set(id, listener);
    clearTimeout(thread.idleTimer);
    thread.worker.ref();
    return { id, say: (message) => thread.worker.postMessage(message) };
  }

  /** Ends all threads; jobs still in work fail with kind cancelled. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map(endThread));
  }

  #leastBusy(purpose: Purpose): Thread {
    const threads = [...this.#threads].filter((thread) => thread.purpose === purpose);
    let least: Thread | undefined;
    for (const thread of threads)
      if (least === undefined || thread.jobs.size < least.jobs.size) least = thread;
    const atMost = purpose === "tidying" ? 1 : this.#options.atMost;
    if (least !== undefined && (least.jobs.size === 0 || threads.length >= atMost)) return least;
    return this.#startThread(purpose);
  }

  #startThread(purpose: Purpose): Thread {
    // Where berth is installed its sources may be plain JavaScript.
    const file = new URL(`./worker/main${extname(import.meta.url)}`, import.meta.url);
    const worker = startThread(file, { name: "berth-unpack", resourceLimits: { maxOldGenerationSizeMb } });
    const loaded = Promise.withResolvers<void>();
    const thread: Thread = { purpose, worker, jobs: new Map(), loaded, idleTimer: undefined };
    this.#threads.add(thread);
    let reason: unknown;
    worker.on("error", (error) => {
      reason = error;
    });
    worker.on("exit", () => this.#exited(thread, reason));
    worker.on("message", (message: FromWorker) => this.#heard(thread, message));
    return thread;
  }

  #heard(thread: Thread, message: FromWorker): void {
    if (message.say === "loaded") {
      thread.loaded.resolve();
      return;
    }
    const listener = thread.jobs.get(message.id);
    if (message.say === "consumed") {
      listener?.consumed(message.bytes);
      return;
    }
    thread.jobs.delete(message.id);
    if (thread.jobs.size === 0) this.#rest(thread);
    if (message.say === "done") listener?.done(message.gives);
    else listener?.failed(unpackFault(message.why));
  }

  #rest(thread: Thread): void {
    thread.worker.unref();
    thread.idleTimer = setTimeout(() => {
      this.#threads.delete(thread);
      void thread.worker.terminate();
    }, this.#options.idle);
    thread.idleTimer.unref();
  }

  #exited(thread: Thread, reason: unknown): void {
    this.#threads.delete(thread);
    thread.loaded.resolve();
    clearTimeout(thread.idleTimer);
    const why = this.#closed
      ? new Fault("cancelled", "snapshots: the daemon is stopping")
      : new Fault("internal", "snapshots: a worker thread ended", { cause: reason });
    for (const listener of thread.jobs.values()) listener.failed(why);
    thread.jobs.clear();
  }
}

/** A thread that is ended while it loads a native module aborts the whole process (Node-API can't throw there any more). */
async function endThread({ worker, loaded }: Thread): Promise<void> {
  worker.ref(); // what is waited for must come
  await loaded.promise;
  await worker.terminate();
}
