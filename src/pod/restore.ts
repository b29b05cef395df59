import { describeFault, Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { PodRestoreRequest, RestoredPod } from "./contract.ts";
import { podName } from "./key.ts";
import type { PodParts } from "./parts.ts";
import { removePodSandbox } from "./remove.ts";
import { runPodSandbox } from "./run.ts";

/**
 * Runs a pod with the containers of an archive, which go on from there. When one can't, the pod is taken away again. A
 * repeat finds what is there already, as those of RunPodSandbox, CreateContainer and StartContainer do.
 */
export async function restorePod(
  { from, config, runtimeHandler, containers }: PodRestoreRequest,
  parts: PodParts,
  signal: AbortSignal,
): Promise<RestoredPod> {
  requireSame(
    await parts.containers.inArchive(from, signal),
    containers.map(({ metadata }) => metadata.name),
  );
  const id = await runPodSandbox(config, runtimeHandler, parts);
  try {
    const restored: { name: string; id: ContainerId }[] = [];
    for (const container of containers) {
      const made = await parts.containers.restore(id, container, from, signal);
      restored.push({ name: container.metadata.name, id: made });
    }
    return { id, containers: restored };
  } catch (error) {
    await removePodSandbox(id, parts).catch((cause: unknown) => {
      const subject = { pod: id, name: podName(config), err: describeFault(cause) };
      parts.book.log.error(subject, "a pod that could not be restored could not be removed");
    });
    throw error;
  }
}

/** @throws {Fault} invalid naming the containers that the one or the other lacks */
function requireSame(archived: readonly string[], wanted: readonly string[]): void {
  const missing = archived.filter((name) => !wanted.includes(name));
  if (missing.length > 0)
    throw new Fault("invalid", `container_configs: the archive has ${missing.join(", ")}, too`, {
      hint: "each of its containers needs a config of the same name",
    });
  const unknown = wanted.filter((name) => !archived.includes(name));
  if (unknown.length > 0)
    throw new Fault("invalid", `container_configs: the archive has no ${unknown.join(", ")}`);
}
