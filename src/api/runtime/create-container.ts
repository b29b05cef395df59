import type { Containers } from "../../container/contract.ts";
import type { CreateContainerRequest, CreateContainerResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeContainerConfig } from "../convert/decode-container-config.ts";
import { requireText } from "../convert/field.ts";

/** RPC CreateContainer. The pod's config, which the request repeats, is on record already. */
export async function createContainer(
  request: CreateContainerRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<CreateContainerResponse> {
  const pod = requireText(request.podSandboxId, "pod_sandbox_id");
  const config = decodeContainerConfig(request.config, "config");
  return { containerId: await containers.create(pod, config, signal) };
}
