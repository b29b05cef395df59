import type { PodSandboxId } from "../base/ids.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { PodResources, PodSandboxRecord } from "./state.ts";

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
  /** Records other resources of a pod that is ready; those that are absent stay. @throws {Fault} notFound, wrongState */
  update(id: string, resources: PodResources, signal: AbortSignal): Promise<void>;
  /** By id or unique prefix. @throws {Fault} notFound; invalid for a prefix of several, naming them */
  get(id: string): PodSandboxRecord;
  list(): Iterable<PodSandboxRecord>;
}
