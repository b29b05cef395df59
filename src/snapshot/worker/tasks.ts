import { Fault } from "../../base/fault.ts";
import { systemFault } from "../../linux/libc.ts";
import { listChanges } from "../changes/list-changes.ts";
import { compareFiles } from "../files/compare.ts";
import { applyLayer, settleLayer } from "../settle/settle-layer.ts";
import { copyTree } from "../tree/copy.ts";
import { moveInto } from "../tree/move-into.ts";
import { removeTree } from "../tree/remove.ts";
import { usageBeyond, usageOf } from "../tree/usage.ts";
import type { TaskName, Tasks } from "./protocol.ts";

type TaskTable = { readonly [Name in TaskName]: (takes: Tasks[Name]["takes"]) => Tasks[Name]["gives"] };

const tasks: TaskTable = {
  usage: ({ directory }) => usageOf(directory),
  remove: ({ directory }) => {
    removeTree(directory);
    return undefined;
  },
  copy: ({ from, to }) => {
    copyTree(from, to);
    return undefined;
  },
  move: ({ from, to }) => {
    moveInto(from, to);
    return undefined;
  },
  settle: (request) => settleLayer(request),
  apply: (request) => applyLayer(request),
  "usage beyond": ({ directory, from }) => usageBeyond(directory, from),
  changes: (request) => listChanges(request),
  compare: (request) => compareFiles(request),
};

/** Runs one task to its end on this thread. @throws {Fault} */
export function runTask<Name extends TaskName>(
  name: Name,
  takes: Tasks[Name]["takes"],
): Tasks[Name]["gives"] {
  try {
    return tasks[name](takes);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw systemFault(`snapshots: ${name} ${JSON.stringify(takes)}`, error);
  }
}
