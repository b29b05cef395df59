import { Fault } from "../base/fault.ts";
import type { HandlerProbe } from "../runtime/contract.ts";
import type { NamespaceOptions } from "../spec/cri/security.ts";

/**
 * Checks a pod that is to be in the node's network, before anything is made for it.
 *
 * @throws {Fault} unavailable when its runtime would leave it without a network
 */
export function requireNodeNetwork(
  { network }: Pick<NamespaceOptions, "network">,
  { handler, nodeNetworkProblem }: Pick<HandlerProbe, "handler" | "nodeNetworkProblem">,
): void {
  if (network !== "node" || nodeNetworkProblem === undefined) return;
  throw new Fault(
    "unavailable",
    `config.linux.security_context.namespace_options.network: NODE can't work with the runtime handler "${handler}": ${nodeNetworkProblem}`,
    { hint: "leave hostNetwork unset in the pod's spec, or give it another RuntimeClass" },
  );
}
