import type { StepTime, StepWatch } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { ContainerBook } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** How long undoing all steps of a container may take. */
const UNDO_DEADLINE_MS = 60_000;

/** Times each step into `timeline` and the log. */
export function stepWatch(
  operation: string,
  record: ContainerRecord,
  book: ContainerBook,
  timeline: StepTime[] = [],
): StepWatch {
  return {
    operation,
    faults: book.faults,
    undoDeadline: UNDO_DEADLINE_MS,
    stepDone(time) {
      timeline.push(time);
      book.log.debug({ pod: record.podId, container: record.id, operation, ...time }, "step done");
    },
  };
}

/** Tells the readers of events; called after the state is committed. */
export function publish(book: ContainerBook, kind: LifecycleEvent["kind"], record: ContainerRecord): void {
  book.events.publish({ kind, containerId: record.id, podId: record.podId, at: nowNanos() });
}
