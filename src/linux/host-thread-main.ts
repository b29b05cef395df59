import { parentPort } from "node:worker_threads";
import { connectWithin } from "./connect-within.ts";
import type { NamespaceRequest } from "./contract.ts";
import { type FaultMessage, toFaultMessage } from "./fault-message.ts";
import { LostThread, ownNamespaces, pinNamespaces, readFilesWithin } from "./namespace-calls.ts";

/** What the thread is asked; it answers one after the other. */
export type NamespaceTask =
  | { readonly task: "pin"; readonly request: NamespaceRequest }
  | { readonly task: "connect"; readonly netns: string; readonly port: number }
  | {
      readonly task: "read";
      readonly reads: readonly { readonly netns: string; readonly files: readonly string[] }[];
    };

/** One result for a pin or a connection, one for each read: the files' contents, a descriptor, or what went wrong. */
export type NamespaceAnswer = readonly (
  | { readonly contents: readonly string[] }
  | { readonly fd: number }
  | { readonly fault: FaultMessage }
)[];

const own = ownNamespaces();

function attempt(work: () => NamespaceAnswer[number]): NamespaceAnswer[number] {
  try {
    return work();
  } catch (error) {
    if (error instanceof LostThread) process.exit(1); // ends this thread alone: nothing may run in a stray namespace
    return { fault: toFaultMessage(error) };
  }
}

function answer(task: NamespaceTask): NamespaceAnswer {
  if (task.task === "read")
    return task.reads.map(({ netns, files }) =>
      attempt(() => ({ contents: readFilesWithin(netns, files, own) })),
    );
  if (task.task === "connect") return [attempt(() => ({ fd: connectWithin(task.netns, task.port, own) }))];
  const pin = () => {
    pinNamespaces(task.request, own);
    return { contents: [] };
  };
  return [attempt(pin)];
}

parentPort?.on("message", (task: NamespaceTask) => parentPort?.postMessage(answer(task)));
