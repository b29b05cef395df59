import type { Containers } from "../../container/contract.ts";
import type { StartContainerRequest, StartContainerResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";

/** RPC StartContainer. */
export async function startContainer(
  request: StartContainerRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<StartContainerResponse> {
  await containers.start(requireText(request.containerId, "container_id"), signal);
  return {};
}
