import { Fault } from "../../base/fault.ts";
import type { PodSandboxes } from "../../pod/contract.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type { PortForwardRequest, PortForwardResponse } from "../../wire/gen/runtime.v1.ts";
import { numberWithin, requireText, wrongField } from "../convert/field.ts";

const highestPort = 65_535;
/** A byte counts two channels for each of them. */
const mostPorts = 128;

/**
 * RPC PortForward: where to connect to for the pod's ports, which the client names here or with each connection.
 *
 * @throws {Fault} invalid, notFound, wrongState, exhausted
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
  if (request.port.length > mostPorts) throw wrongField("port", `more than ${mostPorts} ports`);
  const ports = request.port.map((port, at) => numberWithin(port, `port[${at}]`, 1, highestPort));
  return { url: streams.urlFor({ kind: "portForward", id: pod.id, ports }) };
}
