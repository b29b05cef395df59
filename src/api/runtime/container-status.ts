import type { Containers } from "../../container/contract.ts";
import type { ContainerRecord } from "../../container/state.ts";
import type { ContainerStatusRequest, ContainerStatusResponse } from "../../wire/gen/runtime.v1.ts";
import { encodeContainerStatus } from "../convert/encode-container.ts";
import { requireText } from "../convert/field.ts";
import { infoText } from "../convert/info.ts";
import type { ApiNode } from "../parts.ts";

/** RPC ContainerStatus. */
export async function containerStatus(
  request: ContainerStatusRequest,
  containers: Containers,
  node: Pick<ApiNode, "readBundleConfig" | "actualResources" | "apparmorLabel">,
): Promise<ContainerStatusResponse> {
  const record = containers.get(requireText(request.containerId, "container_id"));
  return {
    status: encodeContainerStatus(record, node.actualResources(record)),
    info: request.verbose ? { info: infoText(await verboseInfo(record, node)) } : {},
  };
}

/** For `crictl inspect` and `berth inspect`: what berth knows and the CRI has no field for. */
async function verboseInfo(
  record: ContainerRecord,
  node: Pick<ApiNode, "readBundleConfig" | "apparmorLabel">,
): Promise<object> {
  const { podId, state, handler, cgroup, bootId, parent, timeline, config, resources, adjustedBy } = record;
  const live = state.kind === "created" || state.kind === "running";
  const pid = live ? state.process.init.pid : 0;
  const bundleConfig = await node.readBundleConfig(record.id);
  return {
    sandboxID: podId,
    pid,
    state,
    handler,
    cgroup,
    bootId,
    parent,
    timeline,
    config,
    resources,
    nri: adjustedBy ?? {},
    apparmor: (live && (await node.apparmorLabel(pid))) || null,
    runtimeSpec: bundleConfig === undefined ? null : jsonOr(bundleConfig),
  };
}

/** What lies in the bundle may be half of a file, after a crash. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
