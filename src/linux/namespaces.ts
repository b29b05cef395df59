import { readdir, rmdir, unlink } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Mounts, Namespaces } from "./contract.ts";
import { fromFaultMessage } from "./fault-message.ts";
import { IdleWorker } from "./idle-worker.ts";
import { errnoOf, systemFault } from "./libc.ts";
import type { NamespaceAnswer, NamespaceTask } from "./namespace-thread.ts";

type Thread = IdleWorker<NamespaceTask, NamespaceAnswer>;

/**
 * Sources are run as they are, or stripped of their types file by file: the thread's module has this one's
 * ending.
 */
const threadModule = new URL(
  `./namespace-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/**
 * Namespaces made by a worker thread (unshare and setns act on the calling thread), which ends when it has
 * had nothing to do for `idleMs`. Dispose of it to end the thread at once.
 */
export function hostNamespaces(mounts: Mounts, options: { idleMs: Ms }): Namespaces & AsyncDisposable {
  const thread: Thread = new IdleWorker("namespaces", threadModule, options.idleMs);
  const reads = new ReadBatch(thread);
  return {
    async pin(request) {
      if (request.kinds.length > 0) contentsOf((await thread.ask({ task: "pin", request }))[0]);
    },
    unpin: (directory) => unpin(directory, mounts),
    readWithin: (netns, files) => reads.read(netns, files),
    async connectWithin(netns, port) {
      const [answer] = await thread.ask({ task: "connect", netns, port });
      if (answer !== undefined && "fd" in answer) return new Socket({ fd: answer.fd });
      contentsOf(answer);
      throw new Fault("internal", "the namespace thread opened no connection");
    },
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  };
}

function contentsOf(result: NamespaceAnswer[number] | undefined): string[] {
  if (result === undefined) throw new Fault("internal", "the namespace thread left a task unanswered");
  if ("fault" in result) throw fromFaultMessage(result.fault);
  return "contents" in result ? [...result.contents] : [];
}

async function unpin(directory: string, mounts: Mounts): Promise<void> {
  try {
    for (const name of await readdir(directory)) {
      await mounts.unmount(join(directory, name));
      await unlink(join(directory, name));
    }
    await rmdir(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    if (error instanceof Fault) throw error;
    throw systemFault(`taking away the namespaces at ${directory}`, error);
  }
}

interface PendingRead {
  readonly netns: string;
  readonly files: readonly string[];
  readonly answered: PromiseWithResolvers<string[]>;
}

/**
 * Reads that are asked for while the thread is busy go to it together: a hundred pods' counters are one
 * message.
 */
class ReadBatch {
  readonly #thread: Thread;
  #pending: PendingRead[] = [];

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  read(netns: string, files: readonly string[]): Promise<string[]> {
    const answered = Promise.withResolvers<string[]>();
    this.#pending.push({ netns, files, answered });
    if (this.#pending.length === 1) queueMicrotask(() => void this.#send());
    return answered.promise;
  }

  async #send(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    try {
      const reads = batch.map(({ netns, files }) => ({ netns, files }));
      const answer = await this.#thread.ask({ task: "read", reads });
      for (const [index, { answered }] of batch.entries()) settle(answered, answer[index]);
    } catch (error) {
      for (const { answered } of batch) answered.reject(error);
    }
  }
}

function settle(answered: PromiseWithResolvers<string[]>, result: NamespaceAnswer[number] | undefined): void {
  try {
    answered.resolve(contentsOf(result));
  } catch (error) {
    answered.reject(error);
  }
}
