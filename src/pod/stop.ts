import { during } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import { stepWatch } from "../base/step-watch.ts";
import { undoSteps } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import { podKey, podName } from "./key.ts";
import { tellPlugins } from "./nri.ts";
import type { PodParts } from "./parts.ts";
import { type PodSandboxState, podStopped, podStopping, podStranded } from "./state.ts";
import { podSandboxSteps } from "./steps.ts";
import { emptyAttempt } from "./undo.ts";

/**
 * Ends a run in flight, stops the pod's containers and takes away everything that the pod has on the host; its record
 * stays. A repeat joins, or returns at once when the pod is stopped. `reason` is kept in the record.
 */
export function stopPodSandbox(id: PodSandboxId, parts: PodParts, reason = "StopPodSandbox"): Promise<void> {
  const { book, host } = parts;
  return book.stops.join(id, id, host.config.deadline.stopPod, (signal) =>
    stopNow(id, reason, parts, signal),
  );
}

async function stopNow(
  id: PodSandboxId,
  reason: string,
  parts: PodParts,
  signal: AbortSignal,
): Promise<void> {
  const { book, host, containers } = parts;
  const standing = book.records.get(id);
  if (standing === undefined || standing.state.kind === "stopped") return;
  book.closing.add(id);
  try {
    if (standing.state.kind === "making") {
      await book.runs.abort(podKey(standing.config), `pod ${podName(standing.config)} is being stopped`);
    }
    using _pod = await book.locks.hold(id, signal);
    const record = book.records.get(id);
    if (record === undefined || record.state.kind === "stopped") return;
    const wasUp = hasBeenReady(record.state);
    const stopping = podStopping(record, reason, nowNanos());
    await book.records.put(id, stopping);
    await containers.stopAll(id, signal);
    await tellPlugins("stopPodSandbox", record, host, signal);
    const stranded = await undoSteps(
      podSandboxSteps,
      stopping,
      emptyAttempt(host),
      stepWatch("StopPodSandbox", { pod: record.id }, book),
    );
    if (stranded !== undefined) {
      await book.records.put(id, podStranded(stopping, stranded, nowNanos()));
      throw during(`stopping pod ${podName(record.config)} (${id})`, stranded.reason);
    }
    await book.records.put(id, podStopped(stopping, reason, nowNanos()));
    if (wasUp) publishLifecycle(book.events, "stopped", { container: id, pod: id });
    book.log.info({ pod: id, name: podName(record.config) }, "pod sandbox is stopped");
  } finally {
    book.closing.delete(id);
  }
}

/** Also when an earlier stop came to no end: its event is still to be told. */
function hasBeenReady(state: PodSandboxState): boolean {
  if (state.kind === "stranded") return state.from === "stop";
  return state.kind !== "making";
}
