import { checkpointPod } from "../container/checkpoint/checkpoint-pod.ts";
import { containersIn } from "../container/checkpoint/pod-archive.ts";
import type { ContainerBook, ContainerParts } from "../container/parts.ts";
import { removeAllOfPod, stopAllOfPod } from "../container/remove.ts";
import { restoreContainer } from "../container/restore.ts";
import { describePod } from "../pod/nri.ts";
import type { PodBook, PodParts } from "../pod/parts.ts";
import { openPodSandboxes } from "../pod/sandboxes.ts";
import { podForContainers } from "./container-pods.ts";
import type { NodeParts } from "./node-parts.ts";

/** What pods and containers work with; each reaches the other through a part of these. */
export function joinParts(
  hosts: { containers: ContainerParts["host"]; pods: PodParts["host"] },
  books: { containers: ContainerBook; pods: PodBook },
): Pick<NodeParts, "containerParts" | "podParts" | "podSandboxes"> {
  const containerParts: ContainerParts = {
    host: hosts.containers,
    book: books.containers,
    pods: {
      get: (id) => podForContainers(podSandboxes.get(id), books.pods, hosts.pods.paths),
      described: (id) => describePod(podSandboxes.get(id), hosts.pods.paths),
    },
  };
  const podParts: PodParts = {
    host: hosts.pods,
    book: books.pods,
    containers: {
      stopAll: (pod) => stopAllOfPod(pod, containerParts),
      removeAll: (pod) => removeAllOfPod(pod, containerParts),
      checkpoint: (pod, request, signal) => checkpointPod(pod, request, containerParts, signal),
      inArchive: containersIn,
      restore: (pod, config, path, signal) => restoreContainer(pod, config, path, containerParts, signal),
    },
  };
  const podSandboxes = openPodSandboxes(podParts);
  return { containerParts, podParts, podSandboxes };
}
