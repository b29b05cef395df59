import type { ContainerId } from "../../base/ids.ts";
import { innerCgroup } from "../../linux/inner-cgroup.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import type { RuntimeHost } from "../host.ts";
import type { Handler } from "./handlers.ts";
import { callRuntime, requireRuntime } from "./runtime-command.ts";
import { needsStandIn, startByStandIn } from "./stand-in.ts";

/** What the OCI runtime knows of a container (OCI runtime spec v1.2, runtime, State). */
type RuntimeState = "created" | "running" | "stopped" | undefined;

export async function start(
  { id, bundle }: { readonly id: ContainerId; readonly bundle: string },
  handler: Handler,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<void> {
  if (needsStandIn(handler, bundle)) return await startByStandIn(id, bundle, handler, signal);
  await requireRuntime(handler, { args: ["start", id] }, host, signal);
}

/** Changes the limits of a container's `cgroup`. */
export async function update(
  { id, resources, cgroup }: { id: ContainerId; resources: OciResources; cgroup: string | undefined },
  handler: Handler,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<void> {
  // a sandbox has the limits of its pod's cgroup, and none for one container
  if (handler.kind === "runsc") return;
  // crun 1.8 takes the -1 of "no quota" for 2^64 - 1, which cgroup v1 refuses, and passes over it with v2.
  const lifts = handler.kind === "crun" && resources.cpu?.quota === -1;
  const { quota: _, ...otherCpu } = resources.cpu ?? {};
  const input = JSON.stringify(lifts ? { ...resources, cpu: otherCpu } : resources);
  await requireRuntime(handler, { args: ["update", "--resources", "-", id], input }, host, signal);
  if (lifts && cgroup !== undefined) await host.cgroups.liftCpuQuota(innerCgroup(host.cgroups, cgroup));
}

/** Undefined: the runtime has no such container. */
export async function state(
  id: ContainerId,
  handler: Handler,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<RuntimeState> {
  const finished = await callRuntime(handler, { args: ["state", id] }, host, signal);
  if (finished.code !== 0) return undefined;
  const answer: unknown = JSON.parse(Buffer.from(finished.stdout).toString("utf8"));
  const status =
    answer !== null && typeof answer === "object" && "status" in answer ? answer.status : undefined;
  switch (status) {
    case "created":
    case "stopped":
      return status;
    case "running":
    case "paused":
      return "running";
    default:
      return undefined; // "creating": the one that was creating it is gone
  }
}
