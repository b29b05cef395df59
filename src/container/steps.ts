import type { Step } from "../base/steps.ts";
import { removeBundle, writeBundle } from "./bundle.ts";
import { removeCheckpoint } from "./checkpoint/remove-checkpoint.ts";
import { unpackCheckpoint } from "./checkpoint/unpack-checkpoint.ts";
import { linkLog, unlinkLog } from "./linked-logs.ts";
import { createMonitored, deleteMonitored } from "./monitor.ts";
import type { ContainerAttempt } from "./parts.ts";
import { releaseProcessors, setProcessors } from "./processors/step.ts";
import { mountRootfs, unmountRootfs } from "./rootfs.ts";
import { prepareSnapshot, removeSnapshot } from "./snapshot.ts";
import type { ContainerRecord } from "./state.ts";
import { mountVolumes, unmountVolumes } from "./volumes.ts";

/** What CreateContainer leaves on the host, in the order it is made. Undone from the last to the first. */
export const containerSteps: readonly Step<ContainerRecord, ContainerAttempt>[] = [
  { name: "checkpoint", do: unpackCheckpoint, undo: removeCheckpoint },
  { name: "snapshot", do: prepareSnapshot, undo: removeSnapshot },
  { name: "rootfs", do: mountRootfs, undo: unmountRootfs },
  { name: "volumes", do: mountVolumes, undo: unmountVolumes },
  { name: "bundle", do: writeBundle, undo: removeBundle },
  { name: "monitor", do: createMonitored, undo: deleteMonitored },
  { name: "log link", do: linkLog, undo: unlinkLog },
  { name: "processors", do: setProcessors, undo: releaseProcessors },
];
