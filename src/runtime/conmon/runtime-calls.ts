import type { ContainerId } from "../../base/ids.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import type { Handler } from "./handlers.ts";
import type { RuntimeHost } from "./parts.ts";
import { callRuntime, requireRuntime } from "./runtime-command.ts";

/** What the OCI runtime knows of a container (OCI runtime spec v1.2, runtime, State). */
type RuntimeState = "created" | "running" | "stopped" | undefined;

export async function start(
  id: ContainerId,
  handler: Handler,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<void> {
  await requireRuntime(handler, { args: ["start", id] }, host, signal);
}

export async function update(
  { id, resources }: { id: ContainerId; resources: OciResources },
  handler: Handler,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<void> {
  const input = JSON.stringify(resources);
  await requireRuntime(handler, { args: ["update", "--resources", "-", id], input }, host, signal);
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
