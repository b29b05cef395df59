import { Worker, type WorkerOptions } from "node:worker_threads";
import { Fault } from "../base/fault.ts";
import { remedyFor } from "./remedy.ts";

/** Starts a worker thread. @throws {Fault} exhausted when there may be no more threads */
export function startThread(module: URL, options: WorkerOptions & { readonly name: string }): Worker {
  try {
    return new Worker(module, options);
  } catch (error) {
    const why = remedyFor(error instanceof Error ? error.message : undefined, undefined); // "EAGAIN", and no code
    if (why === undefined) throw error;
    throw new Fault("exhausted", `starting the thread ${options.name}`, { cause: error, hint: why });
  }
}
