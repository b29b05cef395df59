import { parentPort } from "node:worker_threads";
import { createCgroup } from "./cgroup-create.ts";
import { removeCgroupNow } from "./cgroup-tree.ts";
import { connectWithin } from "./connect-within.ts";
import { toFaultMessage } from "./fault-message.ts";
import { makeChanges } from "./file-changes.ts";
import type {
  HostTaskAnswer,
  HostTaskMessage,
  HostTaskName,
  HostTasks,
  ReadResult,
  ReadTask,
} from "./host-tasks.ts";
import { LostThread } from "./lost-thread.ts";
import {
  addressesWithin,
  ownNamespaces,
  pinNamespaces,
  readFilesWithin,
  unpinNamespaces,
} from "./namespace-calls.ts";
import { relabelTree } from "./relabel.ts";

/** Runs on a worker thread of its own: does one task after the other (`host-tasks.ts`). */

type TaskTable = {
  readonly [Name in HostTaskName]: (takes: HostTasks[Name]["takes"]) => HostTasks[Name]["gives"];
};

const own = ownNamespaces();

const tasks: TaskTable = {
  pin: (request) => {
    pinNamespaces(request, own);
    return undefined;
  },
  change: (changes) => {
    makeChanges(changes);
    return undefined;
  },
  relabel: ({ path, label }) => {
    relabelTree(path, label);
    return undefined;
  },
  unpin: unpinNamespaces,
  connect: ({ netns, to }) => connectWithin(netns, to, own),
  addresses: ({ netns, interfaceName }) => addressesWithin(netns, interfaceName, own),
  read: (reads) => reads.map(read),
  createCgroup: ({ hierarchies, cgroup }) => {
    createCgroup(hierarchies, cgroup);
    return undefined;
  },
  removeCgroup: ({ hierarchies, cgroup }) => removeCgroupNow(hierarchies, cgroup),
};

function read({ netns, files }: ReadTask): ReadResult {
  return attempt<ReadResult>(
    () => ({ contents: readFilesWithin(netns, files, own) }),
    (fault) => ({ fault }),
  );
}

function attempt<Answer>(
  work: () => Answer,
  failed: (fault: ReturnType<typeof toFaultMessage>) => Answer,
): Answer {
  try {
    return work();
  } catch (error) {
    if (error instanceof LostThread) process.exit(1); // ends this thread alone: nothing may run in a stray namespace
    return failed(toFaultMessage(error));
  }
}

function answer<Name extends HostTaskName>(name: Name, takes: HostTasks[Name]["takes"]): HostTaskAnswer {
  return attempt<HostTaskAnswer>(
    () => ({ gives: tasks[name](takes) }),
    (fault) => ({ fault }),
  );
}

parentPort?.on("message", ({ name, takes }: HostTaskMessage) => parentPort?.postMessage(answer(name, takes)));
