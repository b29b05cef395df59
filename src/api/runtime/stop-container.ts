import type { Containers } from "../../container/contract.ts";
import type { StopContainerRequest, StopContainerResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";
import { msFromSeconds } from "../convert/seconds.ts";

/** RPC StopContainer. An unknown id succeeds, as the CRI asks. */
export async function stopContainer(
  request: StopContainerRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<StopContainerResponse> {
  const id = requireText(request.containerId, "container_id");
  await containers.stop(id, msFromSeconds(request.timeout, "timeout"), signal);
  return {};
}
