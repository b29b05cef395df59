import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { ContainerRuntime } from "../contract.ts";
import { isOnHost } from "./handler.ts";
import { handlerFor } from "./handler-of.ts";
import type { ShimParts } from "./parts.ts";

/** How long a shim may take to start that nobody waits for yet. */
const startDeadline: Ms = 20_000;

/** Begins to start a pod's shim. One of a sandbox is started with that. See `ContainerRuntime.prepare`. */
export function prepareShim(
  { pod, handler: name, monitorCgroup }: Parameters<ContainerRuntime["prepare"]>[0],
  parts: ShimParts,
): void {
  const handler = handlerFor(pod, name, parts);
  if (!isOnHost(handler)) return;
  const start = { group: pod, handler, cgroup: monitorCgroup, sandboxCgroup: undefined };
  parts.shims.prepare(start, AbortSignal.timeout(startDeadline)).catch((error: unknown) => {
    parts.host.log.debug({ pod, err: describeFault(error) }, "a pod's shim could not be started beforehand");
  });
}
