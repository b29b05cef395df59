import type { PodSandboxStatsRequest, PodSandboxStatsResponse } from "../../wire/gen/runtime.v1.ts";
import { Encoded } from "../../wire/grpc/encoded.ts";
import { requireText } from "../convert/field.ts";
import { readPodStats } from "../read-pod-stats.ts";
import type { PodStatsParts } from "./list-pod-sandbox-stats.ts";

/** RPC PodSandboxStats. A pod that is not ready has attributes only. */
export async function podSandboxStats(
  request: PodSandboxStatsRequest,
  parts: PodStatsParts,
  signal: AbortSignal,
): Promise<Encoded<PodSandboxStatsResponse>> {
  const record = parts.podSandboxes.get(requireText(request.podSandboxId, "pod_sandbox_id"));
  return new Encoded(await readPodStats([record], parts.containers, parts.figures, signal));
}
