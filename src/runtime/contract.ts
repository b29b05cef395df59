import type { Duplex, Readable, Writable } from "node:stream";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { Bytes, Ms, UnixNanos } from "../base/units.ts";
import type { Sandboxer } from "../config/schema.ts";
import type { TerminalSize } from "../linux/terminal.ts";
import type { OciConfig, OciResources } from "../spec/oci-runtime.ts";
import type { CgroupMetrics } from "../stats/metrics-contract.ts";

/** A process whose identity survives pid reuse: start time in clock ticks since boot (proc(5), stat field 22). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

/** What the monitor holds of a container from create on. Recorded, so that a restarted daemon finds both again. */
export interface MonitoredContainer {
  readonly monitor: ProcessIdentity;
  readonly init: ProcessIdentity;
}

/** A mount as mount(2) takes it; `options` are strings as in fstab. */
export interface RootfsMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Everything a monitor and an OCI runtime need to create one container; the bundle's config.json is written before. */
export interface CreateRequest {
  readonly id: ContainerId;
  readonly handler: string;
  readonly bundle: string;
  readonly name: string;
  /** Absolute; undefined: the output is dropped. */
  readonly logPath: string | undefined;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** Where the monitor itself is put: the pod's cgroup, or a scope below it. */
  readonly monitorCgroup: string | undefined;
  /** Containers of a pod with a container of its own are made by what made that. Absent: it is that, or in no pod. */
  readonly pod?: PodSandboxId;
  /** What the runtime is to mount as the container's root; absent: it is mounted. For handlers that take mounts. */
  readonly rootfs?: readonly RootfsMount[];
  /** CRIU's images of processes that are to go on, instead of a new one that waits for `start`. */
  readonly restoreFrom?: string;
}

/** A dump of a running container's processes. */
export interface CheckpointRequest {
  readonly id: ContainerId;
  readonly handler: string;
  /** A new directory for CRIU's images. */
  readonly images: string;
  /** Where CRIU writes its log (dump.log) and figures (stats-dump). */
  readonly work: string;
}

/** A sandbox that a shim is to make by itself (containerd's sandbox API). */
export interface SandboxRequest {
  /** The pod's: what is told of the sandbox is told by it, as of a container. */
  readonly id: ContainerId;
  readonly handler: string;
  /** The file of the network namespace that it is to use, as CNI plugins left it; empty: the host's. */
  readonly netns: string;
  /** A CRI PodSandboxConfig, encoded. */
  readonly config: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where the shim is put. */
  readonly monitorCgroup: string | undefined;
  /** Where the shim may put what it makes, as `cgroupsPath` of an OCI config. */
  readonly cgroupsPath: string;
}

/** What a shim says of the sandbox that it has made. */
export interface SandboxStatus {
  /** 0: it names none. */
  readonly pid: number;
  /** As the shim has it, such as SANDBOX_READY. */
  readonly state: string;
  readonly createdAt?: UnixNanos;
  /** What containers there have to be made for, such as linux/amd64. */
  readonly platform?: string;
  /** What else it tells, by names of its own. */
  readonly info: Readonly<Record<string, string>>;
}

/** What is to be checkpointed; without an id, restored. */
export interface CheckpointSubject extends Pick<CreateRequest, "handler" | "pod"> {
  readonly id?: ContainerId;
}

/** Sandboxes of pods that shims make by themselves. Taken away by ContainerRuntime.delete, as the container whose place they have. */
export interface Sandboxes {
  /**
   * Starts the pod's shim, and has it make the sandbox. The shim stands for the monitor; and for the first process, where it names none.
   * @throws {Fault} wrongState when the shim can't; internal with what it said
   */
  start(request: SandboxRequest, signal: AbortSignal): Promise<MonitoredContainer>;
  /** Undefined when the shim is gone. @throws {Fault} deadline; as the shim says */
  status(id: ContainerId, signal: AbortSignal): Promise<SandboxStatus | undefined>;
  /** What it uses, as the shim tells it. Undefined when that tells nothing. @throws {Fault} deadline; as the shim says */
  metrics(id: ContainerId, signal: AbortSignal): Promise<CgroupMetrics | undefined>;
}

/** How a container ended. */
export interface ContainerExit {
  readonly id: ContainerId;
  /** 0 to 255; 128 + n for signal n. 255 when the monitor was lost. */
  readonly code: number;
  readonly at: UnixNanos;
  /** "sandboxLost": the sandbox ended that it ran in. */
  readonly cause: "exited" | "oomKilled" | "monitorLost" | "sandboxLost";
}

export interface ExecRequest {
  readonly id: ContainerId;
  readonly handler: string;
  readonly command: readonly string[];
  readonly timeout: Ms | undefined;
  readonly maxOutput: Bytes;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** True when output beyond `maxOutput` was dropped. */
  readonly truncated: boolean;
}

/** Which of a process's streams are wanted; with a terminal, what it shows comes as stdout alone. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface StreamRequest extends WantedStreams {
  readonly id: ContainerId;
  readonly handler: string;
  readonly command: readonly string[];
}

export interface AttachRequest extends WantedStreams {
  readonly id: ContainerId;
}

/** A process whose stdio is in the caller's hands. */
export interface StreamedProcess {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  resize(size: TerminalSize): void;
  /** Its exit code, as a shell has it; undefined when what was attached to goes on, or its end is told elsewhere. */
  readonly exited: Promise<number | undefined>;
  /** Ends a command with all it started, or the attachment. Does nothing when that has ended. */
  kill(): Promise<void>;
}

/** What one configured handler can do on this host, found out at start. */
export interface HandlerProbe {
  readonly handler: string;
  readonly path: string;
  readonly version: string;
  /** Why it makes no mount read-only with what is mounted on it; absent: it does, or has not been tried. */
  readonly recursiveReadOnlyProblem?: string;
  /** What makes the sandbox of its pods; absent: they need none. */
  readonly sandboxer?: Sandboxer;
  /** Why its pods can't be in the node's network; absent: they can, or it is not known. */
  readonly nodeNetworkProblem?: string;
  /** Why it cannot work here; undefined: it works. */
  readonly problem: string | undefined;
  /** Trying it out took too long, which says nothing for good: it is tried again. */
  readonly isSlow?: true;
  readonly features: {
    readonly recursiveReadOnly: boolean;
    /** Moves interfaces of the host into a container's network. */
    readonly networkDevices: boolean;
  };
}

/** Runs containers by conmon and an OCI runtime. All from the id and what is on disk; nothing is held in memory. */
export interface ContainerRuntime {
  probes(): readonly HandlerProbe[];
  /** Tries out again the handlers that could not be tried for want of a disk, or of time. */
  retry(): Promise<void>;
  /** Programs that the handler needs, were there when the daemon started, and are not now. */
  missingPrograms(handler: string): readonly string[];
  /** The handler to use for a pod that names `name` ("" for the default). @throws {Fault} invalid with the names there are, or wrongState with why it cannot work */
  resolveHandler(name: string): HandlerProbe;
  /**
   * Why containers in a user namespace can't work here, by handler; undefined: they do. Tried out when it is first asked for,
   * which takes as long as some containers' starts.
   */
  userNamespaceProblems(): Promise<ReadonlyMap<string, string | undefined>>;
  /**
   * Begins to start what the pod's containers are to share, such as a shim, so that the first need not wait for it. Where that fails, its
   * create tells why.
   */
  prepare(request: Pick<CreateRequest, "handler" | "monitorCgroup"> & { readonly pod: PodSandboxId }): void;
  /** Ends what was prepared for a pod, unless containers have come to it: then it ends with them. Succeeds if there is nothing. */
  endPrepared(pod: PodSandboxId, handler: string, signal: AbortSignal): Promise<void>;
  /** monitor + runtime `create`, or `restore`: the container runs then. @throws {Fault} internal with what the runtime said; nothing is left then but the bundle */
  create(request: CreateRequest, signal: AbortSignal): Promise<MonitoredContainer>;
  /** What it runs with: the bundle's config. Undefined when there is none. */
  configOf(id: ContainerId): OciConfig | undefined;
  /** runtime `start`. @throws {Fault} internal with what the runtime said */
  start(id: ContainerId, handler: string, signal: AbortSignal): Promise<void>;
  readonly sandboxes: Sandboxes;
  /**
   * Why a container can't be checkpointed here, by what it runs under, or, without an id, one can't be restored into its pod; undefined:
   * it can. Tries it out, which takes a moment.
   */
  checkpointProblem(container: CheckpointSubject): Promise<string | undefined>;
  /** Dumps its processes, which live on. Can't be broken off without harm to them, so no signal. @throws {Fault} internal with what the runtime and CRIU said */
  checkpoint(request: CheckpointRequest): Promise<void>;
  /** Waits for the end of a dump of that container that an earlier daemon began. */
  checkpointEnded(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** A container that an earlier daemon created or restored: its monitor and first process. Undefined when either is gone. */
  monitored(id: ContainerId): MonitoredContainer | undefined;
  /** Sends a signal to the container's init, or (`all`) to every process in it. Succeeds if it has exited. */
  kill(
    id: ContainerId,
    handler: string,
    signalName: string,
    all: boolean,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Waits until what follows a container's end is over that its monitor has the runtime do, such as the last hooks. It may be in the
   * pod's cgroup, and would fall with that.
   */
  ended(id: ContainerId, signal: AbortSignal): Promise<void>;
  /**
   * Has the runtime forget a container that has ended, where `delete` would wait for that, and takes its cgroup away. What its monitor
   * left stays. Succeeds when there is nothing to forget; what fails is logged, and `delete`'s to do.
   */
  forgetEnded(id: ContainerId, handler: string, signal: AbortSignal): Promise<void>;
  /** Takes away the container, its processes, its cgroup and its monitor, whatever state they are in. Idempotent. */
  delete(id: ContainerId, handler: string, signal: AbortSignal): Promise<void>;
  update(id: ContainerId, handler: string, resources: OciResources, signal: AbortSignal): Promise<void>;
  /**
   * Whether the container's processes and cgroup are this host's own. Where not, such as in a virtual machine, its recorded pids
   * stand for that, whose namespaces nobody may enter, and only `metrics` tells what the container uses.
   */
  isOnHost(id: ContainerId, handler: string): boolean;
  /** Whether a container that is to be created gets its root file system mounted by the runtime, given its mounts (`rootfs`). */
  takesMounts(request: Pick<CreateRequest, "handler" | "pod">): boolean;
  /**
   * A connection to a port at the loopback of the sandbox that a pod's own container is. Undefined where the runtime makes none.
   * @throws {Fault} internal with what the runtime said, such as that nobody listens
   */
  connectInSandbox(
    id: ContainerId,
    handler: string,
    port: number,
    signal: AbortSignal,
  ): Promise<Duplex | undefined>;
  /** What a container that is not on this host uses, as its runtime tells it. Undefined when that tells nothing. @throws {Fault} as the runtime says */
  metrics(id: ContainerId, handler: string, signal: AbortSignal): Promise<CgroupMetrics | undefined>;
  /** @throws {Fault} deadline when `timeout` passed and the whole process tree was killed */
  execSync(request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  /** Starts a command in a container, its stdio in the caller's hands. @throws {Fault} as the runtime says */
  execStream(request: StreamRequest, signal: AbortSignal): Promise<StreamedProcess>;
  /** Joins the stdio of the container's first process, by its monitor. @throws {Fault} wrongState when it has ended */
  attach(request: AttachRequest, signal: AbortSignal): Promise<StreamedProcess>;
  /** Tells the monitor to open its log file anew. */
  reopenLog(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** True while this very process lives. */
  alive(process: ProcessIdentity): boolean;
  /** What the runtime says of it; undefined: it knows no such container. Used after a restart of the daemon. */
  state(
    id: ContainerId,
    handler: string,
    signal: AbortSignal,
  ): Promise<"created" | "running" | "stopped" | undefined>;
  /** What the exit file of the container says, if there is one: code and time. */
  recordedExit(id: ContainerId): ContainerExit | undefined;
  /** Reads a container's exit from what its monitor left; undefined while it runs. `container` tells lost monitors. */
  exitOf(id: ContainerId, container: MonitoredContainer): ContainerExit | undefined;
  /**
   * Watches for exits of containers that `running` names, from now on until disposed of; also finds those that
   * happened before. The directory's watch is armed before it is read, and a slow sweep catches what it lost, and tells
   * again of exits that `exited` failed to take.
   */
  watchExits(
    running: () => Iterable<{ id: ContainerId; container: MonitoredContainer }>,
    exited: (exit: ContainerExit) => Promise<void>,
  ): Disposable;
  /** Ids that the runtimes or monitors have a trace of, for the sweep. */
  traces(): Promise<ContainerId[]>;
}
