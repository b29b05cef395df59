import type { PodSandboxes } from "../../pod/contract.ts";
import type { RemovePodSandboxRequest, RemovePodSandboxResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";

/** RPC RemovePodSandbox. An unknown id succeeds, as the CRI asks. */
export async function removePodSandbox(
  request: RemovePodSandboxRequest,
  podSandboxes: PodSandboxes,
  signal: AbortSignal,
): Promise<RemovePodSandboxResponse> {
  await podSandboxes.remove(requireText(request.podSandboxId, "pod_sandbox_id"), signal);
  return {};
}
