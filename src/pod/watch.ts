import type { PodSandboxId } from "../base/ids.ts";
import type { StepTime, StepWatch } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { PodBook } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** How long undoing all steps of a pod may take. */
const UNDO_DEADLINE_MS = 90_000;

/** Times each step into `timeline` and the log. */
export function stepWatch(
  operation: string,
  record: PodSandboxRecord,
  book: PodBook,
  timeline: StepTime[] = [],
): StepWatch {
  return {
    operation,
    faults: book.faults,
    undoDeadline: UNDO_DEADLINE_MS,
    stepDone(time) {
      timeline.push(time);
      book.log.debug({ pod: record.id, operation, ...time }, "step done");
    },
  };
}

/** Tells the readers of events; called after the state is committed. */
export function publish(book: PodBook, kind: LifecycleEvent["kind"], id: PodSandboxId): void {
  book.events.publish({ kind, containerId: id, podId: id, at: nowNanos() });
}
