import { deadlineIn } from "../base/deadline.ts";
import { during } from "../base/fault.ts";
import { stepWatch } from "../base/step-watch.ts";
import { StepsFailed, undoSteps } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import { podName } from "./key.ts";
import { tellPlugins } from "./nri.ts";
import type { PodAttempt, PodHost, PodParts } from "./parts.ts";
import { type PodSandboxRecord, podStranded } from "./state.ts";
import { podSandboxSteps } from "./steps.ts";

/** What a run of a pod's steps begins with, and all that their undoing needs. */
export function emptyAttempt(host: PodHost): PodAttempt {
  return { host, network: { addresses: [], interfaces: [] } };
}

/** Undoes what an earlier, failed run left, and forgets it. @throws {Fault} when it still can't be taken away */
export async function clearFailed(record: PodSandboxRecord, { host, book }: PodParts): Promise<void> {
  const stranded = await undoSteps(
    podSandboxSteps,
    record,
    emptyAttempt(host),
    stepWatch("RunPodSandbox", { pod: record.id }, book),
  );
  if (stranded !== undefined) {
    await book.records.put(record.id, podStranded(record, stranded, nowNanos()));
    throw during(
      `clearing away an earlier, failed run of pod ${podName(record.config)} (${record.id})`,
      stranded.reason,
    );
  }
  await book.records.delete(record.id);
}

/** The record of a run that failed: forgotten when all is undone, else kept with the step at which the undoing ended. */
export async function settleFailed(
  record: PodSandboxRecord,
  error: unknown,
  attempt: PodAttempt,
  { book, host }: PodParts,
): Promise<void> {
  const stranded =
    error instanceof StepsFailed
      ? error.stranded
      : await undoSteps(
          podSandboxSteps,
          record,
          attempt,
          stepWatch("RunPodSandbox", { pod: record.id }, book),
        );
  if (!(error instanceof StepsFailed)) await tellOfEnd(record, host);
  if (stranded === undefined) {
    await book.records.delete(record.id);
    return;
  }
  book.log.error(
    { pod: record.id, step: stranded.step, err: stranded.reason },
    "a failed run could not be undone",
  );
  await book.records.put(record.id, podStranded(record, stranded, nowNanos()));
}

/** A plugin refused the run: those that know of the pod are told that it is gone. */
async function tellOfEnd(record: PodSandboxRecord, host: PodHost): Promise<void> {
  using deadline = deadlineIn(host.config.deadline.undo);
  for (const event of ["stopPodSandbox", "removePodSandbox"] as const)
    await tellPlugins(event, record, host, deadline.signal);
}
