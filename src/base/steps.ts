import { deadlineIn, throwIfEnded } from "./deadline.ts";
import { during } from "./fault.ts";
import { tallyOutside } from "./outside-time.ts";
import type { Ms } from "./units.ts";

/**
 * One thing that an operation leaves on the host, and how it is taken away again.
 *
 * `undo` works from the record alone (ids, paths, names), is idempotent, and counts from before `do` begins: it may
 * meet nothing, half of it, or all of it.
 */
export interface Step<Record, Parts> {
  readonly name: string;
  do(record: Record, parts: Parts, signal: AbortSignal): Promise<void>;
  undo(record: Record, parts: Parts, signal: AbortSignal): Promise<void>;
}

/** How long a step took, for `berth inspect` and the log. */
export interface StepTime {
  readonly step: string;
  readonly ms: Ms;
  /** How much of `ms` it waited for other programs: CNI plugins, the monitor, the OCI runtime. Absent: for none. */
  readonly outside?: Ms;
}

/** An undo that failed: the record stays, stranded at this step, until a later Stop, Remove or sweep gets further. */
export interface Stranded {
  readonly step: string;
  readonly reason: unknown;
}

/** Where tests stop the daemon or make a step fail: called before and after each step. Does nothing in production. */
export interface FaultPort {
  at(point: string): void | Promise<void>;
}

/** What goes with a run of steps besides their own parts. */
export interface StepWatch {
  readonly operation: string;
  readonly faults: FaultPort;
  readonly undoDeadline: Ms;
  stepDone(time: StepTime): void;
}

/** Thrown by runSteps: the step that failed, and the undo that failed after it, if one did. */
export class StepsFailed extends Error {
  override readonly name = "StepsFailed";
  readonly step: string;
  readonly stranded: Stranded | undefined;

  constructor(operation: string, step: string, cause: unknown, stranded: Stranded | undefined) {
    super(`${operation} failed at step "${step}"`, { cause });
    this.step = step;
    this.stranded = stranded;
  }
}

/** The step at which the operation failed that `error` tells of; undefined when it was none of them. */
export function failedStep(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 16; at = at.cause, depth++)
    if (at instanceof StepsFailed) return at.step;
  return undefined;
}

/**
 * Runs the steps in order. When one fails, that one and all before it are undone from the last to the first, under
 * the undo's own deadline.
 *
 * @throws {StepsFailed} with the failing step's error as its cause
 */
export async function runSteps<Record, Parts>(
  steps: readonly Step<Record, Parts>[],
  record: Record,
  parts: Parts,
  watch: StepWatch,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const began = performance.now();
    let outside: Ms;
    try {
      throwIfEnded(signal, watch.operation);
      await watch.faults.at(`${watch.operation}/${step.name}/before`);
      outside = await tallyOutside(() => step.do(record, parts, signal));
      await watch.faults.at(`${watch.operation}/${step.name}/after`);
    } catch (error) {
      const stranded = await undoSteps(steps.slice(0, index + 1), record, parts, watch);
      throw new StepsFailed(watch.operation, step.name, error, stranded);
    }
    watch.stepDone(stepTime(step.name, began, outside));
  }
}

/** The time of a step that has just ended. `began` is of performance.now(). */
export function stepTime(step: string, began: number, outside: Ms): StepTime {
  const ms = performance.now() - began;
  return outside === 0 ? { step, ms } : { step, ms, outside };
}

/**
 * Undoes the steps from the last to the first. The first undo that fails ends the undoing: what lies below it may
 * still be in use by what could not be taken away.
 *
 * @returns the step at which the undoing ended, or undefined when nothing is left on the host
 */
export async function undoSteps<Record, Parts>(
  steps: readonly Step<Record, Parts>[],
  record: Record,
  parts: Parts,
  watch: StepWatch,
): Promise<Stranded | undefined> {
  using deadline = deadlineIn(watch.undoDeadline);
  const { signal } = deadline;
  for (const step of steps.toReversed()) {
    try {
      throwIfEnded(signal, `undoing ${watch.operation}`);
      await watch.faults.at(`${watch.operation}/${step.name}/undo`);
      await step.undo(record, parts, signal);
      await watch.faults.at(`${watch.operation}/${step.name}/undone`);
    } catch (error) {
      return { step: step.name, reason: during(`undoing step "${step.name}" of ${watch.operation}`, error) };
    }
  }
  return undefined;
}
