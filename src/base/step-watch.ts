import type { FaultPort, StepTime, StepWatch } from "./steps.ts";
import type { Ms } from "./units.ts";

/** What the steps of all operations of one kind of object share. */
export interface StepBook {
  readonly faults: FaultPort;
  /** How long undoing all steps of an operation may take. */
  readonly undoDeadline: Ms;
  readonly log: { debug(fields: object, message: string): void };
}

/** Times each step of `operation` into `timeline` and the log, where `subject` says whom it is about. */
export function stepWatch(
  operation: string,
  subject: Readonly<Record<string, string>>,
  book: StepBook,
  timeline: StepTime[] = [],
): StepWatch {
  return {
    operation,
    faults: book.faults,
    undoDeadline: book.undoDeadline,
    stepDone(time) {
      timeline.push(time);
      book.log.debug({ ...subject, operation, ...time }, "step done");
    },
  };
}
