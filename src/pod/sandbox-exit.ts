import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { ContainerExit, MonitoredContainer } from "../runtime/contract.ts";
import type { PodBook, PodParts } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";
import { stopPodSandbox } from "./stop.ts";

/** Why a pod was stopped whose own container ended: kept in its record. */
const endings = {
  held: "the process that held its PID namespace ended",
  sandbox: "its sandbox ended",
  sandboxOom: "the kernel killed its sandbox for memory",
} as const;

/** The pods' own containers, each by its pod's id. */
export function* sandboxContainers({
  records,
  bootId: thisBoot,
}: Pick<PodBook, "records" | "bootId">): Iterable<{ id: ContainerId; container: MonitoredContainer }> {
  for (const { id, state, bootId } of records.values()) {
    if (bootId === thisBoot && state.kind === "ready" && state.init !== undefined)
      yield { id: id as string as ContainerId, container: state.init };
  }
}

/**
 * With a pod's own container, its PID namespace or sandbox and every process in it are gone, and nothing can be started there: the
 * pod is stopped, so that the kubelet makes another.
 */
export async function stopPodOfSandbox(exit: ContainerExit, parts: PodParts): Promise<void> {
  const id = exit.id as string as PodSandboxId;
  const record = parts.book.records.get(id);
  if (record?.state.kind !== "ready") return;
  const inSandbox = exit.cause === "oomKilled" ? endings.sandboxOom : endings.sandbox;
  const reason = record.sandboxer === undefined ? endings.held : inSandbox;
  parts.book.log.warn({ pod: id, exitCode: exit.code }, `stopping the pod: ${reason}`);
  await stopPodSandbox(id, parts, reason);
}

/** The exit of a container of the pod, which may have ended with the pod's sandbox, and not of its own. */
export function exitInSandbox(
  exit: ContainerExit,
  pod: PodSandboxRecord | undefined,
  { alive, recordedExit }: Pick<PodParts["host"]["runtime"], "alive" | "recordedExit">,
): ContainerExit {
  if (pod?.sandboxer === undefined || exit.code === 0) return exit;
  const { state } = pod;
  if (state.kind === "ready" && state.init !== undefined) {
    const end = recordedExit(pod.id as string as ContainerId);
    // of a sandbox that its shim made, the process that stands for it may be the shim, which goes on
    const isOver = !alive(state.init.init) || (pod.sandboxer === "shim" && end !== undefined);
    if (isOver) return { ...exit, cause: end?.cause === "oomKilled" ? "oomKilled" : "sandboxLost" };
  }
  if (state.kind !== "stopping") return exit;
  if (state.reason === endings.sandboxOom) return { ...exit, cause: "oomKilled" };
  return state.reason === endings.sandbox ? { ...exit, cause: "sandboxLost" } : exit;
}
