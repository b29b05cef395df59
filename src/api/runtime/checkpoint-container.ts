import type { Containers } from "../../container/contract.ts";
import type { CheckpointContainerRequest, CheckpointContainerResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";
import { msFromSeconds } from "../convert/seconds.ts";

/** RPC CheckpointContainer. A time-out of 0 stands for the setting's. */
export async function checkpointContainer(
  request: CheckpointContainerRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<CheckpointContainerResponse> {
  const id = requireText(request.containerId, "container_id");
  const location = requireText(request.location, "location");
  const timeout = msFromSeconds(request.timeout, "timeout");
  await containers.checkpoint(id, { location, timeout: timeout === 0 ? undefined : timeout }, signal);
  return {};
}
