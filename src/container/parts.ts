import type { Logger } from "pino";
import type { Flights } from "../base/flights.ts";
import type { BootId, ChainId, ContainerId, PodSandboxId } from "../base/ids.ts";
import type { KeyedLocks } from "../base/lock.ts";
import type { FaultPort } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { Images } from "../image/contract.ts";
import type { Cgroups, Files, Mounts, Processes, Processors } from "../linux/contract.ts";
import type { RecordIndex, RecordTable } from "../metadata/contract.ts";
import type { NriAdjustment, NriPlugins } from "../nri/contract.ts";
import type { ContainerRuntime, MonitoredContainer } from "../runtime/contract.ts";
import type { Snapshotters } from "../snapshot/contract.ts";
import type { LayerUnpacker } from "../snapshot/unpack-contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { PodSandbox } from "../wire/gen/nri.v1alpha1.ts";
import type { FoundCheckpoint } from "./checkpoint/find-checkpoint.ts";
import type { ExitWaits } from "./exit-waits.ts";
import type { ContainerPod } from "./pod.ts";
import type { RefusedCalls } from "./refused-calls.ts";
import type { SpecBuilder } from "./spec/contract.ts";
import type { ContainerRecord, ContainerUser } from "./state.ts";
import type { StopsInFlight } from "./stops-in-flight.ts";

/** The pods, as containers see them. */
export interface ContainerPods {
  /** By id or unique prefix. @throws {Fault} notFound */
  get(id: string): ContainerPod;
  /** As plugins see it. @throws {Fault} notFound */
  described(id: PodSandboxId): PodSandbox;
}

/** What the steps of a container work with: the host's side. */
export interface ContainerHost {
  readonly paths: Paths;
  readonly config: Config;
  readonly files: Files;
  readonly mounts: Mounts;
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly processors: Processors;
  readonly snapshotters: Snapshotters;
  readonly unpacker: LayerUnpacker;
  readonly runtime: ContainerRuntime;
  readonly images: Images;
  readonly spec: SpecBuilder;
  readonly nri: NriPlugins;
}

/** The bookkeeping of the containers: records, who works on which, and who hears of it. */
export interface ContainerBook {
  readonly records: RecordTable<ContainerId, ContainerRecord>;
  /** By pod sandbox id. */
  readonly byPod: RecordIndex<ContainerRecord>;
  readonly locks: KeyedLocks<ContainerId>;
  /** Creates by container key, so that a repeat joins. */
  readonly creates: Flights<string, ContainerId, ContainerConfig>;
  readonly starts: Flights<ContainerId, void>;
  readonly removes: Flights<ContainerId, void>;
  /** With the archive that is being written. */
  readonly checkpoints: Flights<ContainerId, void, string>;
  /** Those of whole pods. */
  readonly podCheckpoints: Flights<PodSandboxId, void, string>;
  readonly stops: StopsInFlight;
  readonly exits: ExitWaits;
  readonly refusedCalls: RefusedCalls;
  /** Those that are being ended as an NRI plugin asked for, with why. */
  readonly evictions: Map<ContainerId, string>;
  /** Snapshots that a create in flight is about to use, though no record says so yet. */
  readonly pendingChains: Map<ChainId, number>;
  readonly events: EventBus<LifecycleEvent>;
  readonly faults: FaultPort;
  /** How long undoing the steps of one operation may take. */
  readonly undoDeadline: Ms;
  readonly bootId: BootId;
  readonly log: Logger;
}

/** What the operations on containers work with. */
export interface ContainerParts {
  readonly host: ContainerHost;
  readonly book: ContainerBook;
  readonly pods: ContainerPods;
}

/** A seccomp profile in an OCI artifact that is on this node. */
export interface SeccompArtifact {
  readonly reference: string;
  /** Its topmost layer. */
  readonly chain: ChainId;
  /** The profile's path in it. */
  readonly path: string;
}

/** The host's side, the pod, and what one run of the steps brings about besides what it leaves on the host. */
export interface ContainerAttempt {
  readonly host: ContainerHost;
  /** Undefined when only undoing: that works from the record alone. */
  readonly pod: ContainerPod | undefined;
  /** What the container goes on from. */
  readonly checkpoint?: FoundCheckpoint;
  /** Where its seccomp profile comes from, if not from the node. */
  readonly seccomp?: SeccompArtifact;
  /** The pod, as plugins see it. */
  readonly described?: () => PodSandbox;
  /** Which plugin set what. */
  adjustedBy?: NriAdjustment["owners"];
  /** Where plugins put it, and what they let it use: in place of the record's. */
  adjusted?: Partial<Pick<ContainerRecord, "cgroup" | "resources">>;
  user: ContainerUser;
  process: MonitoredContainer | undefined;
}
