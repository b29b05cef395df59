import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { nowNanos } from "../../base/units.ts";
import { passedOver } from "../../config/passed-over.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import type { SandboxStatus } from "../../runtime/contract.ts";
import type { PodSandboxStatusRequest, PodSandboxStatusResponse } from "../../wire/gen/runtime.v1.ts";
import { encodeContainerStatus } from "../convert/encode-container.ts";
import { encodePodSandboxStatus } from "../convert/encode-pod-sandbox.ts";
import { requireText } from "../convert/field.ts";
import { infoText } from "../convert/info.ts";
import type { ApiNode, ApiParts } from "../parts.ts";

/** RPC PodSandboxStatus, with the statuses of the containers and the time that evented PLEG goes by. */
export async function podSandboxStatus(
  request: PodSandboxStatusRequest,
  { podSandboxes, containers, node }: Pick<ApiParts, "podSandboxes" | "containers" | "node">,
  signal: AbortSignal,
): Promise<PodSandboxStatusResponse> {
  const record = podSandboxes.get(requireText(request.podSandboxId, "pod_sandbox_id"));
  return {
    status: encodePodSandboxStatus(record),
    info: request.verbose ? await verboseInfo(record, node, signal) : {},
    containersStatuses: Array.from(containers.ofPod(record.id), (container) =>
      encodeContainerStatus(container, node.actualResources(container)),
    ),
    timestamp: nowNanos(),
  };
}

/**
 * For `crictl inspectp` and `berth inspect`: what berth knows and the CRI has no field for. Of a sandbox that a shim made, what
 * that tells of it, too, under its own names and as `sandbox`.
 */
async function verboseInfo(
  record: PodSandboxRecord,
  node: Pick<ApiNode, "runtime" | "facts">,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { config, state, handler, sandboxer, cgroup, bootId, timeline } = record;
  const { overhead = config.overhead, resources = config.resources } = record.resources ?? {};
  const ignored = passedOver(config.annotations, handler, node.facts.config);
  const own = {
    ...{ state, handler, sandboxer, cgroup, bootId, timeline, overhead, resources, config },
    ...(ignored.length === 0 ? {} : { passedOver: ignored }),
  };
  const { info: told = {}, ...sandbox } = (await toldBySandbox(record, node, signal)) ?? {};
  const isTold = Object.keys(sandbox).length > 0;
  return { ...told, ...(isTold ? { sandbox: infoText(sandbox) } : {}), info: infoText(own) };
}

async function toldBySandbox(
  { id, sandboxer, state }: PodSandboxRecord,
  { runtime }: Pick<ApiNode, "runtime">,
  signal: AbortSignal,
): Promise<Partial<SandboxStatus & { readonly problem: string }> | undefined> {
  if (sandboxer !== "shim" || state.kind !== "ready") return undefined;
  try {
    return await runtime.sandboxes.status(id as string as ContainerId, signal);
  } catch (error) {
    return { problem: describeFault(error) };
  }
}
