import { nowNanos } from "../../base/units.ts";
import type { Containers } from "../../container/contract.ts";
import type { PodSandboxes } from "../../pod/contract.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import type { PodSandboxStatusRequest, PodSandboxStatusResponse } from "../../wire/gen/runtime.v1.ts";
import { encodeContainerStatus } from "../convert/encode-container.ts";
import { encodePodSandboxStatus } from "../convert/encode-pod-sandbox.ts";
import { requireText } from "../convert/field.ts";
import { infoText } from "../convert/info.ts";
import type { NodeParts } from "../parts.ts";

/** RPC PodSandboxStatus, with the statuses of the containers and the time that evented PLEG goes by. */
export async function podSandboxStatus(
  request: PodSandboxStatusRequest,
  podSandboxes: PodSandboxes,
  containers: Containers,
  node: Pick<NodeParts, "actualResources">,
): Promise<PodSandboxStatusResponse> {
  const record = podSandboxes.get(requireText(request.podSandboxId, "pod_sandbox_id"));
  return {
    status: encodePodSandboxStatus(record),
    info: request.verbose ? { info: infoText(verboseInfo(record)) } : {},
    containersStatuses: Array.from(containers.ofPod(record.id), (container) =>
      encodeContainerStatus(container, node.actualResources(container)),
    ),
    timestamp: nowNanos(),
  };
}

/** For `crictl inspectp` and `berth inspect`: what berth knows and the CRI has no field for. */
function verboseInfo(record: PodSandboxRecord): object {
  const { config, state, handler, cgroup, bootId, timeline } = record;
  const { overhead = config.overhead, resources = config.resources } = record.resources ?? {};
  return { state, handler, cgroup, bootId, timeline, overhead, resources, config };
}
