import type { Containers } from "../../container/contract.ts";
import type { RemoveContainerRequest, RemoveContainerResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";

/** RPC RemoveContainer. An unknown id succeeds, as the CRI asks. */
export async function removeContainer(
  request: RemoveContainerRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<RemoveContainerResponse> {
  await containers.remove(requireText(request.containerId, "container_id"), signal);
  return {};
}
