import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { PodResources, PodSandboxRecord } from "./state.ts";

/** CheckpointPod. */
export interface PodCheckpointRequest {
  readonly location: string;
  /** Ids of containers; none: all that run. */
  readonly containers: readonly string[];
}

/** RestorePod: `config` and `containers` are the new ones; the latter go on from the archive by their names. */
export interface PodRestoreRequest {
  readonly from: string;
  readonly config: PodSandboxConfig;
  readonly runtimeHandler: string;
  readonly containers: readonly ContainerConfig[];
}

/** What RestorePod has made: the containers in the order in which they were asked for. */
export interface RestoredPod {
  readonly id: PodSandboxId;
  readonly containers: readonly { readonly name: string; readonly id: ContainerId }[];
}

/** The pod sandboxes of this node, as the API drives them. Reads never wait. */
export interface PodSandboxes {
  /**
   * A repeat with the same metadata and attempt joins the run in flight or returns its result.
   * @throws {Fault} invalid, alreadyExists (same metadata, another config: names what differs), unavailable, …
   */
  run(config: PodSandboxConfig, runtimeHandler: string, signal: AbortSignal): Promise<PodSandboxId>;
  /** Ends a run in flight, stops every container, and takes away all that the pod has on the host. Idempotent; an unknown id succeeds. */
  stop(id: string, signal: AbortSignal): Promise<void>;
  /** Stop, removal of its containers, and of its record. Idempotent; an unknown id succeeds. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** Writes an archive of the pod and its containers, which run on. @throws {Fault} as CheckpointContainer */
  checkpoint(id: string, checkpoint: PodCheckpointRequest, signal: AbortSignal): Promise<void>;
  /**
   * Runs a pod, and in it the containers of an archive, which go on from there. All or nothing.
   * @throws {Fault} invalid when the configs are not those of the archive's containers; as run, create and start
   */
  restore(request: PodRestoreRequest, signal: AbortSignal): Promise<RestoredPod>;
  /** Records other resources of a pod that is ready; those that are absent stay. @throws {Fault} notFound, wrongState */
  update(id: string, resources: PodResources, signal: AbortSignal): Promise<void>;
  /** By id or unique prefix. @throws {Fault} notFound; invalid for a prefix of several, naming them */
  get(id: string): PodSandboxRecord;
  list(): Iterable<PodSandboxRecord>;
}
