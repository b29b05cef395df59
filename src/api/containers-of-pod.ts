import type { PodSandboxId } from "../base/ids.ts";
import type { Containers } from "../container/contract.ts";
import type { ContainerRecord } from "../container/state.ts";

/** The containers of one pod, as they are now. */
export function containersOfPod(containers: Pick<Containers, "list">, pod: PodSandboxId): ContainerRecord[] {
  const found: ContainerRecord[] = [];
  for (const record of containers.list()) if (record.podId === pod) found.push(record);
  return found;
}
