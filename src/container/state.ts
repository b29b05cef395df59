import { describeFault } from "../base/fault.ts";
import type { BootId, ChainId, ContainerId, ImageId, PodSandboxId } from "../base/ids.ts";
import type { StepTime, Stranded } from "../base/steps.ts";
import type { UnixNanos } from "../base/units.ts";
import type { MonitoredContainer } from "../runtime/contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";

/** Why a container is no longer running, as the CRI's ContainerStatus names it. */
export type ExitReason =
  | "Completed"
  | "Error"
  | "OOMKilled"
  | "SeccompKilled"
  | "StartError"
  | "MonitorLost"
  | "SandboxLost";

/**
 * Where a container is in its life.
 *
 * - making: recorded, its steps are being made
 * - created: the monitor holds it, its process waits for start
 * - checkpointed: as created, but without a process: that lies in a checkpoint, which start restores
 * - running
 * - exited: its process is gone; the snapshot and log are there
 * - removing: its steps are being undone
 * - stranded: an undo failed at `step`
 */
export type ContainerState =
  | { readonly kind: "making" }
  | { readonly kind: "created"; readonly process: MonitoredContainer }
  | { readonly kind: "checkpointed" }
  | { readonly kind: "running"; readonly process: MonitoredContainer; readonly startedAt: UnixNanos }
  | {
      readonly kind: "exited";
      /** Absent when it never started. */
      readonly startedAt?: UnixNanos;
      readonly finishedAt: UnixNanos;
      readonly exitCode: number;
      readonly reason: ExitReason;
      readonly message: string;
    }
  | { readonly kind: "removing"; readonly was: ExitedState }
  | { readonly kind: "stranded"; readonly was: ExitedState; readonly step: string; readonly reason: string };

/** How a container ended; kept while it is taken away. */
export type ExitedState = Extract<ContainerState, { kind: "exited" }>;
/** Of a container that has a process. */
export type LiveState = Extract<ContainerState, { kind: "created" | "running" }>;

/** The checkpoint that a container goes on from. */
export interface CheckpointOrigin {
  /** An archive, or an image that holds one, as it was asked for. */
  readonly from: string;
  /** Put before the names in it: of one container in a pod's archive. */
  readonly prefix: string;
  /** When it was checkpointed, as its archive says (RFC 3339). */
  readonly checkpointedAt: string;
  /** The image that the container was made from at first, as somebody named it. */
  readonly image: string;
}

/** The user that the container's process runs as, for ContainerStatus. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
}

/** An image that the container has as a volume. */
export interface ImageVolume {
  /** Which of the config's mounts it is for. */
  readonly index: number;
  readonly imageId: ImageId;
  /** The reference to show: a digest reference where there is one. */
  readonly imageRef: string;
  /** Its topmost layer; absent for an image without layers. */
  readonly chain?: ChainId;
}

/** What the database keeps of a container. Immutable: a transition makes a new one. */
export interface ContainerRecord {
  readonly id: ContainerId;
  readonly podId: PodSandboxId;
  readonly config: ContainerConfig;
  /** The resources as last updated; at first those of the config. */
  readonly resources: LinuxResources;
  readonly imageId: ImageId;
  /** The reference to show for the image: a digest reference where there is one. */
  readonly imageRef: string;
  /** The committed snapshot below its writable layer; undefined for an image without layers. */
  readonly parent: ChainId | undefined;
  /** What has its snapshot, and its image's and its image volumes' layers. */
  readonly snapshotter: string;
  /** Absent: none. */
  readonly imageVolumes?: readonly ImageVolume[];
  /** Of a container that was made from a checkpoint: where from. */
  readonly restored?: CheckpointOrigin;
  readonly handler: string;
  readonly createdAt: UnixNanos;
  readonly bootId: BootId;
  /** As a path from the root of the hierarchies. */
  readonly cgroup: string;
  /** Absolute; empty when there is no log. */
  readonly logPath: string;
  /** A link to the log, by the container's id, for whoever reads its pod's logs in a volume. Absent: none. */
  readonly logLink?: string;
  readonly user: ContainerUser;
  /** Which NRI plugin set what of it, both in words. Absent: none. */
  readonly adjustedBy?: Readonly<Record<string, string>>;
  /** `SIGTERM` and the like: the config's, the image's, or the default. */
  readonly stopSignal: string;
  readonly state: ContainerState;
  /** How long each step of create and start took. */
  readonly timeline: readonly StepTime[];
}

/** The committed snapshots that the container needs: below its writable layer, and of its image volumes. */
export function chainsBelow({
  parent,
  imageVolumes = [],
}: Pick<ContainerRecord, "parent" | "imageVolumes">): ChainId[] {
  return [parent, ...imageVolumes.map(({ chain }) => chain)].filter((chain) => chain !== undefined);
}

/** The container whose steps are made; it waits for its start. */
export function containerCreated(
  record: ContainerRecord,
  process: MonitoredContainer,
  timeline: readonly StepTime[],
): ContainerRecord {
  return { ...record, timeline, state: { kind: "created", process } };
}

/** Made from a checkpoint, all but its processes. */
export function containerCheckpointed(
  record: ContainerRecord,
  timeline: readonly StepTime[],
): ContainerRecord {
  return { ...record, timeline, state: { kind: "checkpointed" } };
}

/** The container that runs. `timeline`: of its start, put behind that of its create. */
export function containerStarted(
  record: ContainerRecord,
  process: MonitoredContainer,
  startedAt: UnixNanos,
  timeline: readonly StepTime[],
): ContainerRecord {
  return {
    ...record,
    timeline: [...record.timeline, ...timeline],
    state: { kind: "running", process, startedAt },
  };
}

/** The container that has ended. One that never ran has no time of a start. */
export function containerExited(
  record: ContainerRecord,
  exit: { exitCode: number; reason: ExitReason; message: string; finishedAt: UnixNanos },
): ContainerRecord {
  if (record.state.kind !== "running") return { ...record, state: { kind: "exited", ...exit } };
  const { startedAt } = record.state;
  // The start is timed when the runtime returns, the exit when the monitor saw it: a short life may seem to end first.
  const isBeforeStart = exit.finishedAt < startedAt;
  const finishedAt = isBeforeStart ? startedAt : exit.finishedAt;
  return { ...record, state: { kind: "exited", startedAt, ...exit, finishedAt } };
}

/** How the container ended, if it has. */
export function exitedState(state: ContainerState): ExitedState | undefined {
  switch (state.kind) {
    case "exited":
      return state;
    case "removing":
    case "stranded":
      return state.was;
    case "making":
    case "created":
    case "checkpointed":
    case "running":
      return undefined;
  }
}

/** How a container that is being taken away ended: as recorded, or, when it was still live, killed for it. */
function endedBefore(record: ContainerRecord, at: UnixNanos): ExitedState {
  const ended = exitedState(record.state);
  if (ended !== undefined) return ended;
  const message = "taken away before it ended by itself";
  const startedAt = record.state.kind === "running" ? { startedAt: record.state.startedAt } : {};
  return { kind: "exited", ...startedAt, finishedAt: at, exitCode: 137, reason: "Error", message };
}

/** The container whose steps are about to be undone. */
export function containerRemoving(record: ContainerRecord, at: UnixNanos): ContainerRecord {
  return { ...record, state: { kind: "removing", was: endedBefore(record, at) } };
}

/** The container whose undoing ended at a step. */
export function containerStranded(
  record: ContainerRecord,
  { step, reason }: Stranded,
  at: UnixNanos,
): ContainerRecord {
  return {
    ...record,
    state: { kind: "stranded", was: endedBefore(record, at), step, reason: describeFault(reason) },
  };
}
