import type { PodSandboxes } from "../../pod/contract.ts";
import type { RunPodSandboxRequest, RunPodSandboxResponse } from "../../wire/gen/runtime.v1.ts";
import { decodePodSandboxConfig } from "../convert/decode-pod-sandbox-config.ts";

/** RPC RunPodSandbox. */
export async function runPodSandbox(
  request: RunPodSandboxRequest,
  podSandboxes: PodSandboxes,
  signal: AbortSignal,
): Promise<RunPodSandboxResponse> {
  const config = decodePodSandboxConfig(request.config, "config");
  return { podSandboxId: await podSandboxes.run(config, request.runtimeHandler, signal) };
}
