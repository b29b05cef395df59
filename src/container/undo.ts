import { during } from "../base/fault.ts";
import { stepWatch } from "../base/step-watch.ts";
import { StepsFailed, undoSteps } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import type { ContainerAttempt, ContainerHost, ContainerParts } from "./parts.ts";
import { type ContainerRecord, containerStranded } from "./state.ts";
import { containerSteps } from "./steps.ts";

/** All that the undoing of a container's steps needs, and of a create what it begins with besides its pod. */
export function emptyAttempt(host: ContainerHost): ContainerAttempt {
  return { host, pod: undefined, user: { uid: 0, gid: 0, supplementalGroups: [] }, process: undefined };
}

/** Undoes what an earlier operation left, and forgets the container. @throws {Fault} when it still can't be taken away */
export async function clearFailed(record: ContainerRecord, { host, book }: ContainerParts): Promise<void> {
  const stranded = await undoSteps(
    containerSteps,
    record,
    emptyAttempt(host),
    stepWatch("CreateContainer", { pod: record.podId, container: record.id }, book),
  );
  if (stranded !== undefined) {
    await book.records.put(record.id, containerStranded(record, stranded, nowNanos()));
    throw during(
      `clearing away an earlier attempt at container ${record.config.metadata.name} (${record.id})`,
      stranded.reason,
    );
  }
  await book.records.delete(record.id);
}

/** The record of a create that failed: forgotten when all is undone, else kept with the step where the undoing ended. */
export async function settleFailed(
  record: ContainerRecord,
  error: unknown,
  { book, host }: ContainerParts,
): Promise<void> {
  const stranded =
    error instanceof StepsFailed
      ? error.stranded
      : await undoSteps(
          containerSteps,
          record,
          emptyAttempt(host),
          stepWatch("CreateContainer", { pod: record.podId, container: record.id }, book),
        );
  if (stranded === undefined) {
    await book.records.delete(record.id);
    return;
  }
  book.log.error(
    { pod: record.podId, container: record.id, step: stranded.step, err: stranded.reason },
    "a failed create could not be undone",
  );
  await book.records.put(record.id, containerStranded(record, stranded, nowNanos()));
}
