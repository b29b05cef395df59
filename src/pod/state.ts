import { describeFault } from "../base/fault.ts";
import type { BootId, PodSandboxId } from "../base/ids.ts";
import type { StepTime, Stranded } from "../base/steps.ts";
import type { UnixNanos } from "../base/units.ts";
import type { Sandboxer } from "../config/schema.ts";
import type { PodNetworkResult } from "../network/contract.ts";
import type { MonitoredContainer } from "../runtime/contract.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";

/**
 * Where a pod sandbox is in its life. Only "ready" is SANDBOX_READY to the kubelet.
 *
 * - making: recorded, its steps are being made (or the daemon was killed while they were)
 * - ready: every step is made; `init` is the first process of the pod's own container, where it has one: of its sandbox, or
 *   what holds a shared PID namespace. Of a sandbox that its shim made: what that names, or the shim
 * - stopping: its steps are being undone; `reason` says who asked
 * - stranded: an undo failed at `step`; a later Stop, Remove or sweep goes on from there. `from` is what was undone:
 *   a run that failed, or the pod itself
 * - stopped: nothing of it is left on the host but its record
 */
export type PodSandboxState =
  | { readonly kind: "making" }
  | {
      readonly kind: "ready";
      readonly at: UnixNanos;
      readonly network: PodNetworkResult;
      readonly init?: MonitoredContainer;
    }
  | { readonly kind: "stopping"; readonly at: UnixNanos; readonly reason: string }
  | {
      readonly kind: "stranded";
      readonly from: "run" | "stop";
      readonly at: UnixNanos;
      readonly step: string;
      readonly reason: string;
    }
  | { readonly kind: "stopped"; readonly at: UnixNanos; readonly reason: string };

/** What a pod may use together, and what its sandbox takes on top. */
export interface PodResources {
  readonly overhead?: LinuxResources;
  readonly resources?: LinuxResources;
}

/** What the database keeps of a pod sandbox. Immutable: a transition makes a new one. */
export interface PodSandboxRecord {
  readonly id: PodSandboxId;
  readonly config: PodSandboxConfig;
  /** As the caller named it; "" for the default. */
  readonly runtimeHandler: string;
  /** The handler that is really used. */
  readonly handler: string;
  /** What makes the sandbox that the handler's containers run in; absent: it has none, they are processes of this host. */
  readonly sandboxer?: Sandboxer;
  /** Of the root file system of the sandbox's own container, where that gets it as a device; absent: it is in a directory. */
  readonly sandboxSnapshotter?: string;
  readonly createdAt: UnixNanos;
  readonly bootId: BootId;
  /** The pod's cgroup as a path from the root of the hierarchies. */
  readonly cgroup: string;
  /** Where the pod's monitors live, when not in `berth-<id>` below `cgroup`. */
  readonly monitorCgroup?: string;
  /** Those that were changed since the sandbox was run; the others are the config's. */
  readonly resources?: PodResources;
  readonly state: PodSandboxState;
  /** How long each step of the start took. */
  readonly timeline: readonly StepTime[];
}

/** The sandbox with what its steps have brought about. */
export function podReady(
  record: PodSandboxRecord,
  { network, init }: { readonly network: PodNetworkResult; readonly init?: MonitoredContainer },
  timeline: readonly StepTime[],
  at: UnixNanos,
): PodSandboxRecord {
  return { ...record, timeline, state: { kind: "ready", at, network, ...(init && { init }) } };
}

/** The sandbox whose steps are about to be undone. `reason` says who asked. */
export function podStopping(record: PodSandboxRecord, reason: string, at: UnixNanos): PodSandboxRecord {
  return { ...record, state: { kind: "stopping", at, reason } };
}

/** The sandbox whose undoing ended at a step: of a run that failed, or of itself. */
export function podStranded(
  record: PodSandboxRecord,
  { step, reason }: Stranded,
  at: UnixNanos,
): PodSandboxRecord {
  const { state } = record;
  const from =
    state.kind === "making" || (state.kind === "stranded" && state.from === "run") ? "run" : "stop";
  return { ...record, state: { kind: "stranded", from, at, step, reason: describeFault(reason) } };
}

/** The sandbox of which nothing is left on the host. `reason` says who asked. */
export function podStopped(record: PodSandboxRecord, reason: string, at: UnixNanos): PodSandboxRecord {
  return { ...record, state: { kind: "stopped", at, reason } };
}
