import type { Logger } from "pino";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { Bytes, UnixNanos } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import type { Containers } from "../container/contract.ts";
import type { ContainerRecord } from "../container/state.ts";
import type { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type {
  ImageRecord,
  Images,
  PullOptions,
  PullProgress,
  PushedImage,
  PushProgress,
  RegistryAuth,
} from "../image/contract.ts";
import type { ImageUpkeep } from "../image/upkeep.ts";
import type { Apparmor } from "../linux/contract.ts";
import type { FileSystemState } from "../linux/file-system-state.ts";
import type { SetAside } from "../metadata/contract.ts";
import type { PodNetwork } from "../network/contract.ts";
import type { NriPlugins } from "../nri/contract.ts";
import type { PodSandboxes } from "../pod/contract.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import type { AdmissionReport } from "../policy/contract.ts";
import type { LoggedIn, LoggedOut } from "../registry/login.ts";
import type { WalkStep } from "../registry/walk-step.ts";
import type { ContainerRuntime, Sandboxes } from "../runtime/contract.ts";
import type { Snapshotters } from "../snapshot/contract.ts";
import type { CdiDirectories } from "../spec/cdi/directories.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";
import type { HookDirectories } from "../spec/hooks/directories.ts";
import type { CgroupStats, NetworkCounters } from "../stats/contract.ts";
import type { ContainerReading } from "../stats/pod-metrics/contract.ts";
import type { StreamServer } from "../stream/contract.ts";
import type { CallObserver } from "./status.ts";

/** What something takes of a file system. */
export interface FileSystemUsage {
  readonly at: UnixNanos;
  /** A directory on that file system. */
  readonly mountpoint: string;
  readonly bytes: Bytes;
  readonly inodes: number;
}

/** The figures of a running container. */
export interface ContainerFigures {
  readonly cgroup: CgroupStats;
  /** CPU nanoseconds a second, since the reading before; absent at the first. */
  readonly usageNanoCores?: bigint;
  /** As last counted; absent before the first count. */
  readonly writableLayer?: FileSystemUsage;
}

/** The figures of a pod sandbox that is ready. */
export interface PodFigures {
  readonly cgroup: CgroupStats;
  readonly usageNanoCores?: bigint;
  /** Absent for pods in the node's network. */
  readonly network?: { readonly at: UnixNanos; readonly interfaces: readonly NetworkCounters[] };
}

/** Reads what metrics are made from. What can't be read is left out of the answer. */
export interface MetricReadings {
  /** Of containers that run. */
  containers(
    records: readonly ContainerRecord[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<ContainerId, ContainerReading>>;
  /** Of pods that have a network of their own. */
  networks(
    records: readonly PodSandboxRecord[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<PodSandboxId, { readonly interfaces: readonly NetworkCounters[] }>>;
  /** How many of its processes the kernel killed for want of memory; undefined when its cgroup is gone. */
  oomKills(record: ContainerRecord): number | undefined;
  /** `/dev/vda` for `254:0`. */
  deviceName(number: string): string;
}

/** Reads figures. What can't be read is left out of the answer: it is stopping, or gone. */
export interface Figures {
  containers(
    records: readonly ContainerRecord[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<ContainerId, ContainerFigures>>;
  pods(
    records: readonly PodSandboxRecord[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<PodSandboxId, PodFigures>>;
  /** What images and writable layers take, as last counted. */
  fileSystems(signal: AbortSignal): Promise<{
    readonly images: readonly FileSystemUsage[];
    readonly containers: readonly FileSystemUsage[];
  }>;
  readonly metrics: MetricReadings;
}

/** What brings images here, takes them elsewhere and names them, for berth's own API. */
export interface ImageTransfer {
  pull(
    reference: string,
    options: PullOptions | undefined,
    progress: (step: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord>;
  /** `path`: an OCI layout (directory or tar) or a docker archive. @throws {Fault} notFound, corrupt, exhausted */
  import(path: string, signal: AbortSignal): Promise<readonly ImageRecord[]>;
  /** An OCI layout as a tar, in pieces whose memory is the reader's. @throws {Fault} notFound, and what a registry says */
  export(references: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** @throws {Fault} notFound, invalid, and what the registry says */
  push(
    push: {
      readonly image: string;
      /** Undefined: as `image` says. */
      readonly destination: string | undefined;
      readonly auth: RegistryAuth | undefined;
    },
    progress: (step: PushProgress) => void,
    signal: AbortSignal,
  ): Promise<PushedImage>;
  /** @throws {Fault} notFound, invalid */
  tag(image: string, name: string, signal: AbortSignal): Promise<void>;
  /** What the rules say of an image at its registry. @throws {Fault} invalid for malformed rules, and what the registry says */
  testAdmission(reference: string, options: PullOptions, signal: AbortSignal): Promise<AdmissionReport>;
  /** @throws {Fault} notFound, invalid */
  untag(name: string, signal: AbortSignal): Promise<void>;
}

/** How registries are reached, for berth's own API. */
export interface RegistryAccess {
  /** Goes the way of a pull and tells of each step; nothing is kept. */
  walk(name: string, auth: RegistryAuth | undefined, signal: AbortSignal): AsyncIterable<WalkStep>;
  /** Keeps a credential that the registry takes. @throws {Fault} unauthenticated, unavailable, invalid */
  logIn(
    registry: string,
    auth: Pick<RegistryAuth, "username" | "password">,
    signal: AbortSignal,
  ): Promise<LoggedIn>;
  logOut(registry: string, signal: AbortSignal): Promise<LoggedOut>;
}

/** What the daemon knows of itself and of its host. */
export interface DaemonFacts {
  readonly version: string;
  readonly startedAt: UnixNanos;
  readonly config: Config;
  readonly cgroupVersion: 1 | 2;
  readonly setAside: readonly SetAside[];
  /** What the kubelet may use whatever the handler. */
  readonly features: { readonly supplementalGroupsPolicy: boolean; readonly mountOptions: boolean };
}

/** Where containers' files are. */
export interface StorageFacts {
  readonly snapshotters: Pick<Snapshotters, "usual" | "nameFor" | "probes">;
  /** Below it is all that images and containers take. */
  readonly root: string;
  /** What the file systems have left that are written to, as last looked at: by `root`, `state`, and `logs` with a directory. */
  fileSystems(): ReadonlyMap<string, FileSystemState>;
  /** Why the database can't be written, but for a full disk. */
  databaseProblem(): Error | undefined;
  /** The directory of what a container has written itself; of no container: one that is empty. */
  writableLayer(id: ContainerId | undefined): string;
}

/** The node's side of the API: what serves pods, but is none. */
export interface ApiNode {
  readonly facts: DaemonFacts;
  readonly runtime: Pick<
    ContainerRuntime,
    "probes" | "missingPrograms" | "resolveHandler" | "userNamespaceProblems"
  > & { readonly sandboxes: Pick<Sandboxes, "status"> };
  readonly network: Pick<PodNetwork, "status" | "setPodCidrs">;
  readonly cdi: Pick<CdiDirectories, "directories" | "read">;
  readonly hooks: Pick<HookDirectories, "directories" | "read">;
  readonly nri: Pick<NriPlugins, "reports">;
  readonly apparmor: Pick<Apparmor, "report">;
  readonly figures: Figures;
  readonly storage: StorageFacts;
  /** What a container is limited to, as the kernel holds it. */
  actualResources(record: ContainerRecord): LinuxResources;
  /** What AppArmor confines a process by: `unconfined`, or `name (mode)`; undefined where it doesn't say. */
  apparmorLabel(pid: number): Promise<string | undefined>;
  /** The OCI config of a container's bundle, as text; undefined when it is not there. */
  readBundleConfig(id: ContainerId): Promise<string | undefined>;
}

/** Who counts what the API does. */
export interface ApiObserver extends CallObserver {
  /** A reader of the events did not get one, being too slow. */
  eventDropped(): void;
}

/** Everything that the API drives. Each RPC takes only those that it uses. */
export interface ApiParts {
  readonly podSandboxes: PodSandboxes;
  readonly containers: Containers;
  readonly images: Images;
  readonly transfer: ImageTransfer;
  readonly upkeep: Pick<ImageUpkeep, "verify" | "explain" | "prune" | "diskUsage">;
  readonly registries: RegistryAccess;
  readonly events: EventBus<LifecycleEvent>;
  readonly streams: StreamServer;
  readonly node: ApiNode;
  readonly log: Logger;
  /** Absent: nobody counts. */
  readonly observer?: ApiObserver | undefined;
}
