import type { Step } from "../base/steps.ts";
import { createPodCgroup, removePodCgroup } from "./cgroup.ts";
import { removePodFiles, writePodFiles } from "./files.ts";
import { pinPodNamespaces, unpinPodNamespaces } from "./namespaces.ts";
import { attachNetwork, detachNetwork } from "./network.ts";
import type { PodAttempt } from "./parts.ts";
import { removeSandbox, startSandbox } from "./sandbox.ts";
import { endPreparedShim, prepareShim } from "./shim.ts";
import type { PodSandboxRecord } from "./state.ts";

/** What RunPodSandbox leaves on the host, in the order it is made. Undone from the last to the first. */
export const podSandboxSteps: readonly Step<PodSandboxRecord, PodAttempt>[] = [
  { name: "namespaces", do: pinPodNamespaces, undo: unpinPodNamespaces },
  { name: "cgroup", do: createPodCgroup, undo: removePodCgroup },
  { name: "shim", do: prepareShim, undo: endPreparedShim },
  { name: "network", do: attachNetwork, undo: detachNetwork },
  { name: "files", do: writePodFiles, undo: removePodFiles },
  { name: "sandbox", do: startSandbox, undo: removeSandbox },
];
