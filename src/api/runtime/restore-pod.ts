import type { PodSandboxes } from "../../pod/contract.ts";
import type { RestorePodRequest, RestorePodResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeContainerConfig } from "../convert/decode-container-config.ts";
import { decodePodSandboxConfig } from "../convert/decode-pod-sandbox-config.ts";
import { requireAbsolutePath, requireText } from "../convert/field.ts";
import { refuseOptions } from "./checkpoint-pod.ts";

/** RPC RestorePod: a new pod, whose containers run when it answers. */
export async function restorePod(
  request: RestorePodRequest,
  podSandboxes: PodSandboxes,
  signal: AbortSignal,
): Promise<RestorePodResponse> {
  const from = requireText(request.checkpointPath, "checkpoint_path");
  requireAbsolutePath(from, "checkpoint_path");
  refuseOptions(request.options);
  const config = decodePodSandboxConfig(request.config, "config");
  const containers = request.containerConfigs.map((container, index) =>
    decodeContainerConfig(container, `container_configs[${index}]`),
  );
  const { runtimeHandler } = request;
  const restored = await podSandboxes.restore({ from, config, runtimeHandler, containers }, signal);
  return {
    podSandboxId: restored.id,
    restoredContainers: restored.containers.map(({ name, id }) => ({ name, containerId: id })),
  };
}
