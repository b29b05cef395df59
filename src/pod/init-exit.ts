import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { MonitoredContainer } from "../runtime/contract.ts";
import type { PodBook, PodParts } from "./parts.ts";
import { stopPodSandbox } from "./stop.ts";

/** The processes that hold the PID namespaces of pods, each a container by its pod's id. */
export function* podInits({
  records,
  bootId: thisBoot,
}: Pick<PodBook, "records" | "bootId">): Iterable<{ id: ContainerId; container: MonitoredContainer }> {
  for (const { id, state, bootId } of records.values()) {
    if (bootId === thisBoot && state.kind === "ready" && state.init !== undefined)
      yield { id: id as string as ContainerId, container: state.init };
  }
}

/**
 * With its init, a pod's PID namespace and every process in it are gone, and nothing can be started there: the pod is
 * stopped, so that the kubelet makes another.
 */
export async function stopPodOfInit(id: PodSandboxId, parts: PodParts): Promise<void> {
  if (parts.book.records.get(id)?.state.kind !== "ready") return;
  parts.book.log.warn(
    { pod: id },
    "the process that held the pod's PID namespace has ended: stopping the pod",
  );
  await stopPodSandbox(id, parts, "the process that held its PID namespace ended");
}
