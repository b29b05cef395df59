import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { ContainerEviction, ContainerUpdate } from "../wire/gen/nri.v1alpha1.ts";
import { adjusters } from "./adjusters.ts";
import { namesOf } from "./collect/resources.ts";
import type { AskedUpdate } from "./collect/updates.ts";
import type { NriNode, NriObserver } from "./contract.ts";
import { criResources, namesOfCri } from "./cri-resources.ts";

interface Parts {
  readonly node: NriNode;
  readonly observer: NriObserver | undefined;
  readonly log: Logger;
}

export interface AskedEviction extends ContainerEviction {
  readonly plugin: string;
}

/** The updates that one plugin asks for by itself. */
export function askedBy(plugin: string, updates: readonly ContainerUpdate[]): AskedUpdate[] {
  return updates.map((update) => {
    const resources = update.linux?.resources;
    const names = resources === undefined ? [] : namesOf(resources);
    return { update, owners: Object.fromEntries(names.map((name) => [name, plugin])) };
  });
}

export function evictedBy(plugin: string, evictions: readonly ContainerEviction[]): AskedEviction[] {
  return evictions.map((eviction) => ({ ...eviction, plugin }));
}

/** Changes other containers as plugins ask for. What fails is told of, and what its plugin minds the failure of is returned. */
export async function updateContainers(
  updates: readonly AskedUpdate[],
  { node, observer, log }: Parts,
): Promise<ContainerUpdate[]> {
  const failed: ContainerUpdate[] = [];
  for (const { update, owners } of updates) {
    const { containerId: container, linux, ignoreFailure } = update;
    if (linux?.resources === undefined) continue;
    const plugins = [...adjusters(owners)];
    const given = criResources(linux.resources);
    const ignored = Object.keys(owners).filter((name) => !namesOfCri(given).includes(name));
    if (ignored.length > 0)
      log.warn(
        { plugins, container, ignored },
        "NRI plugins ask for what a running container can't be given",
      );
    try {
      await node.update(container, given, owners);
      for (const plugin of plugins) observer?.changed(plugin, "update");
    } catch (error) {
      if (!ignoreFailure) failed.push(update);
      const err = describeFault(error);
      log.warn({ plugins, container, err }, "a container could not be updated as NRI plugins asked for");
    }
  }
  return failed;
}

/** Ends containers as plugins ask for. Never throws. */
export async function evictContainers(
  evictions: readonly AskedEviction[],
  { node, observer, log }: Parts,
): Promise<void> {
  for (const { containerId: container, reason, plugin } of evictions) {
    log.warn({ plugin, container, reason }, "a container is evicted, as an NRI plugin asks for");
    const why = `evicted, as NRI plugin ${plugin} asked for: ${reason || "it gave no reason"}`;
    try {
      await node.evict(container, why);
      observer?.changed(plugin, "eviction");
    } catch (error) {
      log.error({ plugin, container, err: describeFault(error) }, "it could not be evicted");
    }
  }
}
