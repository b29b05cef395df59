import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { ExecResult } from "../runtime/contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";
import type { ContainerCheckpoint } from "./checkpoint/checkpoint.ts";
import type { ContainerRecord } from "./state.ts";

/** The containers of this node, as the API drives them. Reads never wait. */
export interface Containers {
  /**
   * A repeat with the same pod, metadata and attempt joins the create in flight or returns its result.
   * @throws {Fault} notFound (pod, image), wrongState (pod not ready), alreadyExists (same name, another config), invalid
   */
  create(podId: string, config: ContainerConfig, signal: AbortSignal): Promise<ContainerId>;
  /** Starting what runs already succeeds. @throws {Fault} notFound, wrongState */
  start(id: string, signal: AbortSignal): Promise<void>;
  /** Stop signal, then KILL after `grace`. Idempotent; an unknown id succeeds. */
  stop(id: string, grace: Ms, signal: AbortSignal): Promise<void>;
  /** Kills it if it runs. Idempotent; an unknown id succeeds. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** Changes the limits that `resources` names, all or none. @throws {Fault} notFound, invalid; wrongState when they are below what is used, or it has ended */
  update(id: string, resources: LinuxResources, signal: AbortSignal): Promise<void>;
  /**
   * Writes an archive of a running container, which runs on. @throws {Fault} notFound; wrongState (it doesn't run, or
   * checkpoints can't work here: why); invalid, alreadyExists (the location); deadline; internal with what CRIU said
   */
  checkpoint(id: string, checkpoint: ContainerCheckpoint, signal: AbortSignal): Promise<void>;
  execSync(
    id: string,
    command: readonly string[],
    timeout: Ms | undefined,
    signal: AbortSignal,
  ): Promise<ExecResult>;
  reopenLog(id: string, signal: AbortSignal): Promise<void>;
  /** By id or unique prefix. @throws {Fault} notFound; invalid for a prefix of several, naming them */
  get(id: string): ContainerRecord;
  list(): Iterable<ContainerRecord>;
  /** Those of `list` in one pod. */
  ofPod(pod: PodSandboxId): Iterable<ContainerRecord>;
}
