import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { Mounts, Namespaces } from "./contract.ts";
import { fromFaultMessage } from "./fault-message.ts";
import type { ReadResult } from "./host-tasks.ts";
import type { HostThread } from "./host-thread.ts";
import { connectToLoopback } from "./loopback-connection.ts";

/** Namespaces made by `thread`: unshare and setns act on the calling thread. */
export function hostNamespaces(thread: HostThread, mounts: Mounts): Namespaces {
  const reads = new ReadBatch(thread);
  return {
    async pin(request) {
      if (request.kinds.length > 0 || request.users !== undefined) await thread.run("pin", request);
    },
    async unpin(directory) {
      if (await thread.run("unpin", directory)) return;
      await unmountBusy(directory, mounts);
      await thread.run("unpin", directory);
    },
    addressesWithin: (netns, interfaceName) => thread.run("addresses", { netns, interfaceName }),
    readWithin: (netns, files) => reads.read(netns, files),
    connectWithin: (netns, port) => connectToLoopback(port, (to) => thread.run("connect", { netns, to })),
  };
}

/** Waits for who uses them, a moment and no longer. */
async function unmountBusy(directory: string, mounts: Mounts): Promise<void> {
  for (const name of await readdir(directory)) await mounts.unmount(join(directory, name));
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
  readonly #thread: HostThread;
  #pending: PendingRead[] = [];

  constructor(thread: HostThread) {
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
      const results = await this.#thread.run("read", reads);
      for (const [index, { answered }] of batch.entries()) settle(answered, results[index]);
    } catch (error) {
      for (const { answered } of batch) answered.reject(error);
    }
  }
}

function settle(answered: PromiseWithResolvers<string[]>, result: ReadResult | undefined): void {
  if (result === undefined) answered.reject(new Fault("internal", "the host thread left a read unanswered"));
  else if ("fault" in result) answered.reject(fromFaultMessage(result.fault));
  else answered.resolve([...result.contents]);
}
