import { extname } from "node:path";
import type { Worker } from "node:worker_threads";
import { Fault, faultKind } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { startThread } from "../linux/start-thread.ts";
import { databaseFault } from "./database.ts";
import type { Operation, WriteFailure, WriterAnswer, WriterNotice, WriterRequest } from "./operation.ts";

interface Queued {
  readonly operation: Operation;
  committed(): void;
  failed(error: Fault): void;
}

/** A thread that dies while it commits is started anew, so often in a row, before its writes are given up. */
const attempts = 3;
/** The thread keeps nothing but the batch that it commits. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 };

/**
 * Hands operations to the writer thread. All that were queued while a batch was being committed go in the
 * next transaction. The thread starts with the first write and ends after `idle` ms without one (0: it
 * stays).
 */
export class Writer {
  readonly #path: string;
  readonly #idle: Ms;
  readonly #told: ((took: Ms, writes: number) => void) | undefined;
  #queue: Queued[] = [];
  #inFlight: Queued[] | undefined;
  #sentAt: Ms = 0;
  #worker: Worker | undefined;
  /** The worker, and those before it that have been told to end and have not yet. */
  readonly #live = new Set<Worker>();
  #deaths = 0;
  #problem: Fault | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #closed: PromiseWithResolvers<void> | undefined;

  /** `told` is told of each group that is committed. */
  constructor(path: string, idle: Ms, told?: (took: Ms, writes: number) => void) {
    this.#path = path;
    this.#idle = idle;
    this.#told = told;
  }

  /**
   * Calls `committed` as soon as the operation is durable against a kill of the process, then resolves.
   *
   * @throws {Fault} exhausted when the disk is full, internal when the database can't be written, wrongState
   * once closed
   */
  write(operation: Operation, committed: () => void): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Fault("wrongState", "the database is closed"));
    return new Promise((resolve, reject) => {
      this.#queue.push({
        operation,
        committed: () => {
          committed();
          resolve();
        },
        failed: reject,
      });
      // What is written in the same turn goes in one transaction.
      if (this.#queue.length === 1 && this.#inFlight === undefined) queueMicrotask(() => this.#send());
    });
  }

  /** Why the last batch failed, but for a full disk, or could not be synced; undefined when it was committed. */
  get problem(): Fault | undefined {
    return this.#problem;
  }

  /** Commits what is queued, then ends the thread. */
  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers<void>();
    if (this.#inFlight === undefined && this.#queue.length === 0) this.#end();
    return this.#closed.promise;
  }

  #send(): void {
    if (this.#inFlight !== undefined || this.#queue.length === 0) return;
    this.#inFlight = this.#queue;
    this.#queue = [];
    this.#sentAt = performance.now();
    this.#post();
  }

  #post(): void {
    clearTimeout(this.#idleTimer);
    try {
      this.#worker ??= this.#start();
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    this.#worker.ref();
    const commit = (this.#inFlight ?? []).map((queued) => queued.operation);
    this.#worker.postMessage({ commit } satisfies WriterRequest);
  }

  #start(): Worker {
    // Where berth is installed its sources may be plain JavaScript.
    const file = new URL(`./writer-thread${extname(import.meta.url)}`, import.meta.url);
    const worker = startThread(file, { workerData: { path: this.#path }, name: "berth-db", resourceLimits });
    worker.on("message", (told: WriterAnswer | WriterNotice) => {
      if ("unsynced" in told) this.#problem = this.#faultOf(told.unsynced);
      else this.#answered(told);
    });
    this.#live.add(worker);
    // An error is followed by an exit, which is where it is dealt with.
    let reason: unknown;
    worker.on("error", (error) => {
      reason = error;
    });
    worker.on("exit", () => this.#exited(worker, reason));
    return worker;
  }

  #answered(answer: WriterAnswer): void {
    const batch = this.#inFlight ?? [];
    this.#inFlight = undefined;
    this.#deaths = 0;
    if (answer.committed) {
      this.#problem = undefined;
      this.#told?.(performance.now() - this.#sentAt, batch.length);
      for (const queued of batch) queued.committed();
    } else {
      this.#fail(batch, this.#faultOf(answer));
    }
    this.#next();
  }

  #faultOf({ reason, errcode, refusal }: WriteFailure): Fault {
    return databaseFault("writing", this.#path, Object.assign(new Error(reason), { errcode }), refusal);
  }

  #next(): void {
    if (this.#queue.length > 0) this.#send();
    else if (this.#closed !== undefined) this.#end();
    else {
      this.#worker?.unref();
      if (this.#idle > 0) this.#idleTimer = setTimeout(() => this.#end(), this.#idle).unref();
    }
  }

  #end(): void {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    if (worker !== undefined) {
      worker.ref();
      this.#worker = undefined;
      worker.postMessage({ end: true } satisfies WriterRequest);
    } else if (this.#live.size === 0) this.#closed?.resolve();
  }

  #exited(worker: Worker, reason: unknown): void {
    this.#live.delete(worker);
    if (worker === this.#worker) this.#worker = undefined;
    if (this.#inFlight !== undefined && this.#worker === undefined) {
      // Whether it was committed is unknown; doing it again is harmless.
      this.#deaths += 1;
      if (this.#deaths < attempts) this.#post();
      else this.#giveUp(reason);
      return;
    }
    if (this.#live.size === 0) this.#closed?.resolve();
  }

  #fail(batch: readonly Queued[], fault: Fault): void {
    this.#problem = fault.kind === "exhausted" ? undefined : fault;
    for (const queued of batch) queued.failed(fault);
  }

  #giveUp(reason: unknown): void {
    const batch = this.#inFlight ?? [];
    this.#inFlight = undefined;
    this.#deaths = 0;
    const fault = new Fault(faultKind(reason), `writing ${this.#path}: the writer thread ended`, {
      cause: reason,
    });
    this.#fail(batch, fault);
    this.#next();
  }
}
