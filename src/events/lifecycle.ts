import type { UnixNanos } from "../base/units.ts";

/** What happened to a container or pod sandbox, in the order in which it was committed. */
export interface LifecycleEvent {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  /** The container's id; for a pod sandbox's own events, the pod's (as the kubelet's evented PLEG has it). */
  readonly containerId: string;
  readonly podId: string;
  readonly at: UnixNanos;
}
