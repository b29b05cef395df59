import { isDeepStrictEqual } from "node:util";
import { Fault } from "../../base/fault.ts";
import type { NamespaceMode, NamespaceOptions } from "../../spec/cri/security.ts";
import type { OciNamespace } from "../../spec/oci-runtime.ts";
import type { FoundFacts, HostFacts, PodFacts } from "./input.ts";

/** What a container's namespaces are made from. */
export interface NamespacesRequest {
  readonly wanted: NamespaceOptions;
  readonly privileged: boolean;
  readonly pod: Pick<PodFacts, "config" | "namespaces">;
  readonly host: Pick<HostFacts, "cgroupVersion">;
  readonly found: Pick<FoundFacts, "targetPidNamespace">;
}

/**
 * The namespaces of the container: mount always its own; network and UTS the pod's; IPC the pod's, or its own; PID as
 * asked; user the pod's, when that has one. A cgroup namespace hides the node's tree, on v2 only and not from
 * privileged containers (Kubernetes KEP 2254).
 *
 * @throws {Fault} invalid when the container asks for the node's namespace in a pod that has its own, or for a mode
 *   that the CRI doesn't have for this kind
 */
export function ociNamespaces({ wanted, privileged, pod, host, found }: NamespacesRequest): OciNamespace[] {
  const paths = pod.namespaces;
  const podModes = pod.config.security.namespaces;
  requireMode("network", wanted.network, podModes.network, ["pod", "node"]);
  requireMode("ipc", wanted.ipc, podModes.ipc, ["pod", "container", "node"]);
  requireMode("pid", wanted.pid, podModes.pid, ["pod", "container", "node", "target"]);
  requireSameUsers(wanted.user, podModes.user);
  const namespaces: OciNamespace[] = [{ type: "mount" }];
  if (paths.network !== undefined) namespaces.push({ type: "network", path: paths.network });
  if (paths.uts !== undefined) namespaces.push({ type: "uts", path: paths.uts });
  if (wanted.ipc === "container") namespaces.push({ type: "ipc" });
  else if (paths.ipc !== undefined) namespaces.push({ type: "ipc", path: paths.ipc });
  const pid = pidNamespace(wanted.pid, podModes.pid, paths.pid, found.targetPidNamespace);
  if (pid !== undefined) namespaces.push(pid);
  if (paths.user !== undefined) namespaces.push({ type: "user", path: paths.user });
  if (host.cgroupVersion === 2 && !privileged) namespaces.push({ type: "cgroup" });
  return namespaces;
}

function pidNamespace(
  mode: NamespaceMode,
  podMode: NamespaceMode,
  podPath: string | undefined,
  target: string | undefined,
): OciNamespace | undefined {
  switch (mode) {
    case "node":
      return podPath === undefined ? undefined : { type: "pid", path: podPath };
    case "target":
      if (target === undefined)
        throw new Fault("internal", "the PID namespace of the target container is not known");
      return { type: "pid", path: target };
    case "container":
      return { type: "pid" };
    case "pod":
      if (podPath !== undefined) return { type: "pid", path: podPath };
      // In a pod that shares none, its own is the nearest that there is.
      return podMode === "node" ? undefined : { type: "pid" };
  }
}

type NamespaceField = "network" | "ipc" | "pid";

function requireMode(
  field: NamespaceField,
  mode: NamespaceMode,
  podMode: NamespaceMode,
  allowed: readonly NamespaceMode[],
): void {
  const name = `config.linux.securityContext.namespaceOptions.${field}`;
  if (!allowed.includes(mode)) {
    throw new Fault("invalid", `${name}: there is no ${mode.toUpperCase()} mode for it`);
  }
  if (mode === "node" && podMode !== "node") {
    throw new Fault("invalid", `${name} is NODE, but the pod's own is ${podMode.toUpperCase()}`, {
      hint: "a container can use the node's namespace only in a pod that does",
    });
  }
}

/** A container that says nothing takes the pod's mappings; others would not fit the namespace that it joins. */
function requireSameUsers(wanted: NamespaceOptions["user"], pod: NamespaceOptions["user"]): void {
  if (wanted === undefined || isDeepStrictEqual(wanted, pod)) return;
  throw new Fault(
    "invalid",
    "config.linux.securityContext.namespaceOptions.usernsOptions differ from those of the pod",
  );
}
