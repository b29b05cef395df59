import type { PodSandboxes } from "../../pod/contract.ts";
import type { StopPodSandboxRequest, StopPodSandboxResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";

/** RPC StopPodSandbox. An unknown id succeeds, as the CRI asks. */
export async function stopPodSandbox(
  request: StopPodSandboxRequest,
  podSandboxes: PodSandboxes,
  signal: AbortSignal,
): Promise<StopPodSandboxResponse> {
  await podSandboxes.stop(requireText(request.podSandboxId, "pod_sandbox_id"), signal);
  return {};
}
