import { Fault } from "../base/fault.ts";
import type { FileOwner } from "../linux/contract.ts";
import type { ContainerRuntime } from "../runtime/contract.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { NamespaceOptions } from "../spec/cri/security.ts";

/**
 * Checks a pod's user namespace, if it asks for one, before anything is made for it.
 *
 * @throws {Fault} invalid beside namespaces of the node that it may not use; unavailable when this host or the pod's
 *   runtime can't do it: whoever asks for a user namespace must not get the node's root instead
 */
export async function requireUserNamespace(
  namespaces: NamespaceOptions,
  handler: string,
  runtime: Pick<ContainerRuntime, "userNamespaceProblems">,
): Promise<void> {
  if (namespaces.user === undefined) return;
  const options = "config.linux.security_context.namespace_options";
  for (const kind of ["pid", "ipc"] as const) {
    if (namespaces[kind] !== "node") continue;
    throw new Fault(
      "invalid",
      `${options}.${kind} is NODE: the node's own namespaces can't be used in a user namespace (userns_options), but for the network's`,
    );
  }
  const problem = (await runtime.userNamespaceProblems()).get(handler);
  if (problem === undefined) return;
  throw new Fault(
    "unavailable",
    `${options}.userns_options: user namespaces can't work with the runtime handler "${handler}" here: ${problem}`,
    { hint: "leave hostUsers unset in the pod's spec, or put that right and start berth again" },
  );
}

/** Who is root in the pod, as the host has its ids; undefined: root is the host's own. */
export function podRoot({ security }: PodSandboxConfig): FileOwner | undefined {
  const { user } = security.namespaces;
  return user === undefined ? undefined : { uid: user.uids.hostId, gid: user.gids.hostId };
}
