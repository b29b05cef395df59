import { describeFault } from "../base/fault.ts";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { ContainerRecord } from "../container/state.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import type { CgroupMetrics } from "../stats/metrics-contract.ts";
import type { NodeParts } from "./node-parts.ts";

/**
 * What shims tell of the sandboxes that they made, where these are not in their pods' cgroups, which would have their figures: such as a
 * virtual machine that another service runs.
 */
export async function toldPodMetrics(
  records: readonly PodSandboxRecord[],
  { runtime, host, log }: Pick<NodeParts, "runtime" | "host" | "log">,
  signal: AbortSignal,
): Promise<Map<PodSandboxId, CgroupMetrics>> {
  const told = new Map<PodSandboxId, CgroupMetrics>();
  await Promise.all(
    records.map(async ({ id, sandboxer, state, cgroup }) => {
      if (sandboxer !== "shim" || state.kind !== "ready" || state.init === undefined) return;
      try {
        if ((await host.cgroups.processes(cgroup)).includes(state.init.init.pid)) return;
        const metrics = await runtime.sandboxes.metrics(id as string as ContainerId, signal);
        if (metrics !== undefined) told.set(id, metrics);
      } catch (error) {
        log.debug({ pod: id, err: describeFault(error) }, "a shim does not tell what a sandbox uses");
      }
    }),
  );
  return told;
}

type Records = readonly ContainerRecord[];

/** Those whose cgroups and processes are this host's, and those of which only their runtime can tell. */
export function byPlace(records: Records, { runtime }: Pick<NodeParts, "runtime">) {
  const { here = [], away = [] } = Object.groupBy(records, ({ id, handler }) =>
    runtime.isOnHost(id, handler) ? "here" : "away",
  );
  return { here, away };
}

/** What runtimes tell of containers that are not on this host. One that tells nothing is left out. */
export async function toldMetrics(
  records: Records,
  { runtime, log }: Pick<NodeParts, "runtime" | "log">,
  signal: AbortSignal,
): Promise<Map<ContainerId, CgroupMetrics>> {
  const told = new Map<ContainerId, CgroupMetrics>();
  await Promise.all(
    records.map(async ({ id, handler }) => {
      try {
        const metrics = await runtime.metrics(id, handler, signal);
        if (metrics !== undefined) told.set(id, metrics);
      } catch (error) {
        log.debug(
          { container: id, err: describeFault(error) },
          "a runtime does not tell what a container uses",
        );
      }
    }),
  );
  return told;
}
