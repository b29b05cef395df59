import type { RuntimeHandlerConfig } from "../../config/schema.ts";
import type { Handler } from "../conmon/handlers.ts";

/** containerd's namespace in which shims are told to work: where Kubernetes' containers are. */
export const shimNamespace = "k8s.io";

/** A configured shim whose program is there. Goes to disk as JSON. */
export interface ShimHandler {
  readonly name: string;
  /** As configured. */
  readonly type: string;
  /** Absolute. */
  readonly program: string;
  /** As configured, with what berth tells the shim besides. */
  readonly options: RuntimeHandlerConfig["options"];
  /** Where its shims are put, instead of their pod's cgroup (ShimCgroup). */
  readonly cgroup: string | undefined;
  /** Of more weight than what all shims get. */
  readonly env: Readonly<Record<string, string>>;
  /** The runtime that the shim runs containers of this host with; undefined: they may be anything, such as a VM. */
  readonly runtime: Handler | undefined;
}

/** Its containers' processes and cgroups are this host's own, and not in a sandbox. False, too, for what is not configured. */
export function isOnHost(
  handler: ShimHandler | undefined,
): handler is ShimHandler & { readonly runtime: Handler } {
  return handler?.runtime !== undefined;
}
