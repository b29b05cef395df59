import { parentPort } from "node:worker_threads";
import type { NamespaceRequest } from "./contract.ts";
import { type FaultMessage, toFaultMessage } from "./fault-message.ts";
import { LostThread, ownNamespaces, pinNamespaces, readFilesWithin } from "./namespace-calls.ts";

/** What the thread is asked; it answers one after the other. */
export type NamespaceTask =
  | { readonly task: "pin"; readonly request: NamespaceRequest }
  | {
      readonly task: "read";
      readonly reads: readonly { readonly netns: string; readonly files: readonly string[] }[];
    };

/** One result for a pin, one for each read: the files' contents, or what went wrong. */
export type NamespaceAnswer = readonly (
  | { readonly contents: readonly string[] }
  | { readonly fault: FaultMessage }
)[];

const own = ownNamespaces();

function attempt(work: () => readonly string[]): NamespaceAnswer[number] {
  try {
    return { contents: work() };
  } catch (error) {
    if (error instanceof LostThread) process.exit(1); // ends this thread alone: nothing may run in a stray namespace
    return { fault: toFaultMessage(error) };
  }
}

function answer(task: NamespaceTask): NamespaceAnswer {
  if (task.task === "read")
    return task.reads.map(({ netns, files }) => attempt(() => readFilesWithin(netns, files, own)));
  const pin = () => {
    pinNamespaces(task.request, own);
    return [];
  };
  return [attempt(pin)];
}

parentPort?.on("message", (task: NamespaceTask) => parentPort?.postMessage(answer(task)));
