import { open } from "node:fs/promises";
import { type MessagePort, parentPort } from "node:worker_threads";
import { Fault } from "../../base/fault.ts";
import { systemFault } from "../../linux/libc.ts";
import { type UnpackJob, unpack } from "../unpack/unpack.ts";
import { GrowingFile } from "./growing-file.ts";
import { Inbox } from "./inbox.ts";
import {
  type BlobPlace,
  type FromWorker,
  packFault,
  type TaskName,
  type Tasks,
  type ToWorker,
} from "./protocol.ts";
import { RingReader } from "./ring.ts";
import { runTask } from "./tasks.ts";

/** Runs on a worker thread: unpacks several layers side by side, and does one task at a time. */

const readAtOnce = 524_288;
/**
 * What is consumed is said after so much, or so long: a message for every chunk would cost more than it brings. At most
 * half a ring: who waits for room in it must hear of some.
 */
const reportEvery = 524_288;
const reportWithin = 50;

function listen(port: MessagePort): void {
  const jobs = new Map<number, Inbox>();
  const say = (message: FromWorker) => port.postMessage(message);

  const finish = async (id: number, work: () => Promise<Extract<FromWorker, { say: "done" }>["gives"]>) => {
    try {
      say({ id, say: "done", gives: await work() });
    } catch (error) {
      say({ id, say: "failed", why: packFault(error) });
    }
  };

  const unpackJob = (id: number, job: UnpackJob, from: BlobPlace) => {
    return finish(id, async () => {
      using growing = growingFile(from);
      const inbox = new Inbox("ring" in from ? new RingReader(from.ring) : growing);
      jobs.set(id, inbox);
      const blob = "file" in from && growing === undefined ? fileChunks(from.file, inbox) : inbox;
      try {
        return await unpack(
          job,
          reported(blob, (bytes) => say({ id, say: "consumed", bytes })),
        );
      } finally {
        inbox.abort();
        jobs.delete(id);
      }
    });
  };

  port.on("message", (message: ToWorker) => {
    const { id } = message;
    switch (message.say) {
      case "unpack":
        void unpackJob(id, message.job, message.from);
        break;
      case "more":
        jobs.get(id)?.more();
        break;
      case "end":
        jobs.get(id)?.end();
        break;
      case "abort":
        jobs.get(id)?.abort();
        break;
      case "task":
        void finish(id, async () => runTask(message.name, message.takes as Tasks[TaskName]["takes"]));
    }
  });
}

function growingFile(from: BlobPlace): GrowingFile | undefined {
  if ("ring" in from || from.growth === undefined) return undefined;
  return new GrowingFile(from.file, from.growth);
}

/** A file's bytes, until `inbox` is aborted. @throws {Fault} notFound and so on, as the file system says */
async function* fileChunks(path: string, inbox: Inbox): AsyncGenerator<Uint8Array> {
  try {
    await using file = await open(path, "r");
    const memory = new Uint8Array(readAtOnce);
    for (;;) {
      inbox.throwIfAborted();
      const { bytesRead } = await file.read(memory, 0, readAtOnce);
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw systemFault(`reading the layer's blob at ${path}`, error, { path });
  }
}

async function* reported(
  chunks: AsyncIterable<Uint8Array>,
  report: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let unreported = 0;
  let told = performance.now();
  for await (const chunk of chunks) {
    yield chunk;
    unreported += chunk.length;
    if (unreported < reportEvery && performance.now() - told < reportWithin) continue;
    report(unreported);
    unreported = 0;
    told = performance.now();
  }
  if (unreported > 0) report(unreported);
}

if (parentPort === null) throw new Error("this module runs as a worker only");
listen(parentPort);
parentPort.postMessage({ say: "loaded" } satisfies FromWorker);
