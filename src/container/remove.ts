import { deadlineIn } from "../base/deadline.ts";
import { describeFault, during } from "../base/fault.ts";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import { stepWatch } from "../base/step-watch.ts";
import { undoSteps } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import { containerKey } from "./key.ts";
import type { ContainerParts } from "./parts.ts";
import { containerRemoving, containerStranded } from "./state.ts";
import { containerSteps } from "./steps.ts";
import { stopContainer } from "./stop.ts";
import { emptyAttempt } from "./undo.ts";

/** Kills the container if it runs, takes away all that it has on the host, and forgets it. A repeat joins. */
export function removeContainer(id: ContainerId, parts: ContainerParts): Promise<void> {
  const { book, host } = parts;
  return book.removes.join(id, id, host.config.deadline.stopPod, (signal) => removeNow(id, parts, signal));
}

async function removeNow(id: ContainerId, parts: ContainerParts, signal: AbortSignal): Promise<void> {
  const { book, host } = parts;
  const standing = book.records.get(id);
  if (standing === undefined) return;
  const name = standing.config.metadata.name;
  if (standing.state.kind === "making") {
    await book.creates.abort(
      containerKey(standing.podId, standing.config),
      `container ${name} is being removed`,
    );
  }
  await stopContainer(standing, 0, parts);
  using _container = await book.locks.hold(id, signal);
  const record = book.records.get(id);
  if (record === undefined) return;
  const removing = containerRemoving(record, nowNanos());
  await book.records.put(id, removing);
  const stranded = await undoSteps(
    containerSteps,
    removing,
    emptyAttempt(host),
    stepWatch("RemoveContainer", { pod: record.podId, container: record.id }, book),
  );
  if (stranded !== undefined) {
    await book.records.put(id, containerStranded(removing, stranded, nowNanos()));
    throw during(`removing container ${name} (${id})`, stranded.reason);
  }
  await host.nri.containerRemoved(id, signal);
  await book.records.delete(id); // forgotten last
  book.exits.exited(id); // whoever still waits for one that was taken away before it was seen to exit
  publishLifecycle(book.events, "deleted", { container: record.id, pod: record.podId });
  book.log.info({ pod: record.podId, container: id, name }, "container is removed");
}

/** Ends creates in flight and stops every container of the pod, without grace. */
export async function stopAllOfPod(pod: PodSandboxId, parts: ContainerParts): Promise<void> {
  await eachOfPod(pod, parts, async (id) => {
    const record = parts.book.records.get(id);
    if (record?.state.kind === "making") await removeContainer(id, parts);
    else if (record !== undefined) await stopContainer(record, 0, parts);
    using deadline = deadlineIn(parts.host.config.deadline.undo);
    await parts.host.runtime.ended(id, deadline.signal);
  });
}

/** Removes every container of the pod, all at once. @throws {Fault} what the first said that could not be, once all have ended */
export async function removeAllOfPod(pod: PodSandboxId, parts: ContainerParts): Promise<void> {
  await eachOfPod(pod, parts, (id) => removeContainer(id, parts));
}

/** Does the same to all containers of the pod at once; the first failure is thrown when all have ended. */
async function eachOfPod(
  pod: PodSandboxId,
  { book }: ContainerParts,
  act: (id: ContainerId) => Promise<void>,
): Promise<void> {
  const ids = Array.from(book.byPod.all(pod), (record) => record.id);
  const results = await Promise.allSettled(ids.map(act));
  for (const result of results) {
    if (result.status === "rejected") {
      book.log.warn(
        { pod, err: describeFault(result.reason) },
        "a container of the pod could not be taken down",
      );
      throw result.reason;
    }
  }
}
