import type { Logger } from "pino";
import type { Flights } from "../base/flights.ts";
import type { BootId, ContainerId, PodSandboxId } from "../base/ids.ts";
import type { KeyedLocks } from "../base/lock.ts";
import type { FaultPort } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { Cgroups, Files, Mounts, Namespaces } from "../linux/contract.ts";
import type { RecordIndex, RecordTable } from "../metadata/contract.ts";
import type { PodNetwork, PodNetworkResult } from "../network/contract.ts";
import type { NriPlugins } from "../nri/contract.ts";
import type { ContainerRuntime, MonitoredContainer } from "../runtime/contract.ts";
import type { Snapshotters } from "../snapshot/contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { PodSandboxRecord } from "./state.ts";

/** What the steps of a pod sandbox work with: the host's side. */
export interface PodHost {
  readonly paths: Paths;
  readonly config: Config;
  readonly namespaces: Namespaces;
  readonly files: Files;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly network: PodNetwork;
  readonly runtime: ContainerRuntime;
  readonly snapshotters: Pick<Snapshotters, "nameFor" | "get">;
  readonly nri: NriPlugins;
  /** A CRI PodSandboxConfig, as shims take it that make sandboxes by themselves. */
  encodeConfig(config: PodSandboxConfig): Uint8Array;
}

/** What pods ask of the containers in them. */
export interface PodContainers {
  /** Ends creates in flight and stops every container of the pod, without grace. */
  stopAll(pod: PodSandboxId, signal: AbortSignal): Promise<void>;
  removeAll(pod: PodSandboxId, signal: AbortSignal): Promise<void>;
  /** Writes an archive of the containers, all of one moment, and of `documents`, texts by name. No ids: all that run. */
  checkpoint(
    pod: PodSandboxId,
    request: {
      readonly location: string;
      readonly containers: readonly string[];
      readonly documents: ReadonlyMap<string, string>;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** The names of the containers in such an archive. @throws {Fault} notFound, corrupt */
  inArchive(path: string, signal: AbortSignal): Promise<string[]>;
  /** Creates the container that the archive has by the config's name, and starts it: it goes on. */
  restore(
    pod: PodSandboxId,
    config: ContainerConfig,
    path: string,
    signal: AbortSignal,
  ): Promise<ContainerId>;
}

/** What RunPodSandbox was asked for; the id once it is known. */
export type PodRequest = Pick<PodSandboxRecord, "config" | "runtimeHandler"> &
  Partial<Pick<PodSandboxRecord, "id">>;

/** The bookkeeping of the pod sandboxes: records, who works on which, and who hears of it. */
export interface PodBook {
  readonly records: RecordTable<PodSandboxId, PodSandboxRecord>;
  /** By pod key. */
  readonly byKey: RecordIndex<PodSandboxRecord>;
  /** By pod sandbox id. */
  readonly locks: KeyedLocks<PodSandboxId>;
  /** Runs by pod key, so that a repeat joins. */
  readonly runs: Flights<string, PodSandboxId, PodRequest>;
  /** Stops by id. */
  readonly stops: Flights<PodSandboxId, void>;
  readonly removes: Flights<PodSandboxId, void>;
  /** Pods that take no more containers, from the moment when their stop begins. */
  readonly closing: Set<PodSandboxId>;
  readonly events: EventBus<LifecycleEvent>;
  readonly faults: FaultPort;
  /** How long undoing the steps of one operation may take. */
  readonly undoDeadline: Ms;
  readonly bootId: BootId;
  readonly log: Logger;
}

/** What the operations on pod sandboxes work with. */
export interface PodParts {
  readonly host: PodHost;
  readonly book: PodBook;
  readonly containers: PodContainers;
}

/** The host's side, and what one run of the steps brings about besides what it leaves on the host. */
export interface PodAttempt {
  readonly host: PodHost;
  network: PodNetworkResult;
  /** Of a pod with a container of its own. */
  init?: MonitoredContainer;
}
