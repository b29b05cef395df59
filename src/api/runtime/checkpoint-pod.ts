import type { PodSandboxes } from "../../pod/contract.ts";
import type { CheckpointPodRequest, CheckpointPodResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText, wrongField } from "../convert/field.ts";

/** RPC CheckpointPod. Without container ids: all containers that run. */
export async function checkpointPod(
  request: CheckpointPodRequest,
  podSandboxes: PodSandboxes,
  signal: AbortSignal,
): Promise<CheckpointPodResponse> {
  const id = requireText(request.podSandboxId, "pod_sandbox_id");
  const location = requireText(request.outputPath, "output_path");
  refuseOptions(request.options);
  await podSandboxes.checkpoint(id, { location, containers: request.containerIds }, signal);
  return {};
}

/** The CRI leaves options to the runtime, and berth has none. @throws {Fault} invalid */
export function refuseOptions(options: Readonly<Record<string, string>>): void {
  const [first] = Object.keys(options);
  if (first !== undefined) throw wrongField("options", `"${first}" is not known: there are none`);
}
