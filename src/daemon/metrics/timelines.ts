import type { ContainerId, PodSandboxId } from "../../base/ids.ts";
import type { StepTime } from "../../base/steps.ts";
import { exitedState } from "../../container/state.ts";
import type { LifecycleEvent } from "../../events/lifecycle.ts";
import type { Instruments } from "../../metrics/instruments.ts";
import type { NodeParts } from "../node-parts.ts";

/** Notes how long each step of an operation took. */
export function observeSteps(
  operation: string,
  timeline: readonly StepTime[],
  { steps }: Pick<Instruments, "steps">,
): void {
  for (const { step, ms, outside = 0 } of timeline) {
    steps.seconds.observe(ms / 1000, operation, step);
    steps.outside.add(outside / 1000, operation, step);
  }
}

/** Reads from the records, as each is told of, how its start went and how it ended. Until disposed of. */
export function watchLifecycles(
  { events, podParts, containerParts }: Pick<NodeParts, "events" | "podParts" | "containerParts">,
  instruments: Instruments,
): Disposable {
  return events.subscribe((event) => {
    const isPod = event.containerId === event.podId;
    instruments.lifecycle.events.add(1, isPod ? "pod" : "container", event.kind);
    if (isPod) {
      const pod = podParts.book.records.get(event.podId as PodSandboxId);
      if (event.kind === "created" && pod !== undefined)
        observeSteps("RunPodSandbox", pod.timeline, instruments);
      return;
    }
    takeContainer(event, containerParts.book.records.get(event.containerId as ContainerId), instruments);
  });
}

type ContainerRecord = ReturnType<NodeParts["containerParts"]["book"]["records"]["get"]>;

function takeContainer({ kind }: LifecycleEvent, record: ContainerRecord, instruments: Instruments): void {
  if (record === undefined) return;
  switch (kind) {
    case "created":
      observeSteps("CreateContainer", record.timeline, instruments);
      return;
    case "started": {
      // The record goes on with the steps of its create. One that was found running after a restart has no more.
      const last = record.timeline.at(-1);
      if (last?.step === "start") observeSteps("StartContainer", [last], instruments);
      return;
    }
    case "stopped": {
      const exit = exitedState(record.state);
      if (exit !== undefined) instruments.lifecycle.exits.add(1, exit.reason);
      return;
    }
    case "deleted":
      return;
  }
}
