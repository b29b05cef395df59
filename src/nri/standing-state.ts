import type { PodSandbox } from "../wire/gen/nri.v1alpha1.ts";
import type { NriContainer, NriNode } from "./contract.ts";
import type { KnownContainers } from "./known-containers.ts";

/**
 * What a plugin that comes in is shown: what there is on the node, and what those that are there already were told of.
 * It is noted as told, in `pods` and `known`.
 */
export function standingState(
  node: Pick<NriNode, "pods" | "containers">,
  pods: Map<string, PodSandbox>,
  known: KnownContainers,
): { readonly pods: PodSandbox[]; readonly containers: NriContainer[] } {
  for (const pod of node.pods()) pods.set(pod.id, pod);
  const containers = new Map<string, NriContainer>();
  for (const { container } of known.notStopped()) containers.set(container.id, container);
  for (const container of node.containers()) {
    containers.set(container.id, container);
    const pod = pods.get(container.podSandboxId);
    if (pod !== undefined) known.know({ pod, container });
  }
  return { pods: [...pods.values()], containers: [...containers.values()] };
}
