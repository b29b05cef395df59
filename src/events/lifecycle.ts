import { nowNanos, type UnixNanos } from "../base/units.ts";
import type { EventBus } from "./bus.ts";

/** What happened to a container or pod sandbox, in the order in which it was committed. */
export interface LifecycleEvent {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  /** The container's id; for a pod sandbox's own events, the pod's (as the kubelet's evented PLEG has it). */
  readonly containerId: string;
  readonly podId: string;
  readonly at: UnixNanos;
}

/** Tells the readers; called after the state is committed. A pod sandbox's own events have its id twice. */
export function publishLifecycle(
  events: EventBus<LifecycleEvent>,
  kind: LifecycleEvent["kind"],
  ids: { readonly container: string; readonly pod: string },
): void {
  events.publish({ kind, containerId: ids.container, podId: ids.pod, at: nowNanos() });
}
