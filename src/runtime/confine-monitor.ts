import { describeFault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";
import { confineToProcessors } from "../linux/affinity.ts";
import { recordedMonitor } from "./conmon/monitors.ts";
import type { RuntimeHost } from "./host.ts";

/**
 * Keeps a container's conmon to the processors of the settings; empty: all. Done once the container is there, which would
 * have the same else. One that can't be is told of: the container is as good.
 */
export function confineMonitor(
  id: ContainerId,
  {
    paths,
    monitorCpus,
    host,
  }: { readonly paths: Paths; readonly monitorCpus: string; readonly host: RuntimeHost },
): void {
  const pid = recordedMonitor(id, paths);
  if (monitorCpus === "" || pid === undefined) return;
  try {
    confineToProcessors(pid, monitorCpus);
  } catch (error) {
    host.log.warn(
      { container: id, err: describeFault(error) },
      "its monitor is not kept to runtime.monitorCpus",
    );
  }
}
