import type { PodSandboxes } from "../../pod/contract.ts";
import type {
  UpdatePodSandboxResourcesRequest,
  UpdatePodSandboxResourcesResponse,
} from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";
import { decodeResources } from "../convert/resources.ts";

/** RPC UpdatePodSandboxResources, which the kubelet calls when it has changed a pod's cgroup for a resize in place. */
export async function updatePodSandboxResources(
  request: UpdatePodSandboxResourcesRequest,
  podSandboxes: PodSandboxes,
  signal: AbortSignal,
): Promise<UpdatePodSandboxResourcesResponse> {
  const { overhead, resources } = request;
  const changed = {
    ...(overhead === undefined ? {} : { overhead: decodeResources(overhead, "overhead") }),
    ...(resources === undefined ? {} : { resources: decodeResources(resources, "resources") }),
  };
  await podSandboxes.update(requireText(request.podSandboxId, "pod_sandbox_id"), changed, signal);
  return {};
}
