import { Fault } from "../../base/fault.ts";
import type { PodSandboxes } from "../../pod/contract.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type { PortForwardRequest, PortForwardResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";

/**
 * RPC PortForward: where to connect to for the pod's ports, which the client names with each connection.
 *
 * @throws {Fault} notFound, wrongState, exhausted
 */
export async function portForward(
  request: PortForwardRequest,
  podSandboxes: PodSandboxes,
  streams: StreamServer,
): Promise<PortForwardResponse> {
  const pod = podSandboxes.get(requireText(request.podSandboxId, "pod_sandbox_id"));
  if (pod.state.kind !== "ready") {
    throw new Fault("wrongState", `pod sandbox ${pod.id} has no ports: it is ${pod.state.kind}`);
  }
  return { url: streams.urlFor({ kind: "portForward", id: pod.id }) };
}
