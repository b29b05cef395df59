import type { Containers } from "../../container/contract.ts";
import type { ReopenContainerLogRequest, ReopenContainerLogResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";

/** RPC ReopenContainerLog: the kubelet has moved the log file away. */
export async function reopenContainerLog(
  request: ReopenContainerLogRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<ReopenContainerLogResponse> {
  await containers.reopenLog(requireText(request.containerId, "container_id"), signal);
  return {};
}
