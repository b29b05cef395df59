import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { ContainerEviction, ContainerUpdate } from "../wire/gen/nri.v1alpha1.ts";
import type { NriNode } from "./contract.ts";

interface Parts {
  readonly node: NriNode;
  readonly log: Logger;
}

/** Changes other containers as plugins ask for. What fails is told of, and what its plugin minds the failure of is returned. */
export async function updateContainers(
  updates: readonly ContainerUpdate[],
  { node, log }: Parts,
  plugin?: string,
): Promise<ContainerUpdate[]> {
  const failed: ContainerUpdate[] = [];
  for (const update of updates) {
    const { containerId: container, linux, ignoreFailure } = update;
    if (linux?.resources === undefined) continue;
    try {
      await node.update(container, linux.resources);
    } catch (error) {
      if (!ignoreFailure) failed.push(update);
      const err = describeFault(error);
      log.warn({ plugin, container, err }, "a container could not be updated as an NRI plugin asked for");
    }
  }
  return failed;
}

/** Ends containers as plugins ask for. Never throws. */
export async function evictContainers(
  evictions: readonly ContainerEviction[],
  { node, log }: Parts,
): Promise<void> {
  for (const { containerId: container, reason } of evictions) {
    log.warn({ container, reason }, "a container is evicted, as an NRI plugin asks for");
    await node.evict(container).catch((error: unknown) => {
      log.error({ container, err: describeFault(error) }, "it could not be evicted");
    });
  }
}
