import type { ContainerId, PodSandboxId } from "../../base/ids.ts";
import type { CgroupNaming } from "../../config/cgroup-naming.ts";
import type { Config, RuntimeHandlerConfig } from "../../config/schema.ts";
import type { BaseSpec } from "../../spec/base-spec.ts";
import type { CdiEdits } from "../../spec/cdi/format.ts";
import type { ContainerConfig, Device } from "../../spec/cri/container-config.ts";
import type { PodSandboxConfig } from "../../spec/cri/pod-sandbox-config.ts";
import type { ContainerDefaults } from "../../spec/oci-image-config.ts";
import type { OciBlockIo, OciDevice, OciLinux, OciMount } from "../../spec/oci-runtime.ts";
import type { ProcessorOrders } from "../processors/orders.ts";
import type { ContainerUser } from "../state.ts";
import type { NodeHooks } from "./hook-lookup.ts";
import type { StagedHook } from "./hooks.ts";
import type { SeccompProfile } from "./seccomp-profile.ts";

/** Everything that a container's OCI configuration is made from. Plain data: making it reads nothing. */
export interface OciConfigInput {
  readonly id: ContainerId;
  readonly config: ContainerConfig;
  readonly pod: PodFacts;
  readonly image: ImageFacts;
  /** Where the container's root file system is mounted; absolute. */
  readonly rootfs: string;
  readonly settings: SpecSettings;
  readonly host: HostFacts;
  readonly runtime: RuntimeFeatures;
  readonly found: FoundFacts;
}

/** What a container takes from its image. */
interface ImageFacts {
  /** The reference to show; used when the caller named none. */
  readonly name: string;
  readonly defaults: ContainerDefaults;
}

/** What a container takes from its pod. */
export interface PodFacts {
  readonly id: PodSandboxId;
  readonly config: PodSandboxConfig;
  /** Where the pod's own namespaces are pinned; one that is absent is the node's (`pid`: not shared). */
  readonly namespaces: PodNamespacePaths;
  readonly hostname: string;
  readonly files: PodFiles;
  /** As a path from the root of the cgroup hierarchies. */
  readonly cgroup: string;
}

export interface PodNamespacePaths {
  readonly network?: string;
  readonly ipc?: string;
  readonly uts?: string;
  readonly pid?: string;
  readonly user?: string;
}

/** Files and directories on the host that all containers of the pod see. */
interface PodFiles {
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
  /** Mounted at /dev/shm, unless the pod uses the node's IPC namespace. */
  readonly shm: string;
}

/** The daemon's settings that matter here. */
export interface SpecSettings {
  readonly container: Pick<
    Config["container"],
    | "rlimits"
    | "capabilities"
    | "inheritableCapabilities"
    | "pidsLimit"
    | "env"
    | "mounts"
    | "sysctls"
    | "devices"
    | "allowedDevices"
    | "timezone"
  >;
  readonly cgroups: CgroupNaming;
  readonly handler: HandlerSettings;
  readonly hooks: NodeHooks["settings"];
}

/** Those of the pod's runtime handler. */
export type HandlerSettings = Readonly<
  Pick<
    RuntimeHandlerConfig,
    | "privilegedWithoutHostDevices"
    | "baseSpec"
    | "allowedAnnotations"
    | "cgroupWritable"
    | "podAnnotations"
    | "containerAnnotations"
  >
>;

/** What the runtime handler of the pod can do. */
export interface RuntimeFeatures {
  readonly recursiveReadOnly: boolean;
  /** Moves interfaces of the host into the container's network (`linux.netDevices`). */
  readonly networkDevices: boolean;
  /** Keeps limits in the files of a scope of systemd's, as runc; crun makes a group for them within it. */
  readonly limitsInScope: boolean;
}

/** What this host can do; read once by `readHostFacts`. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2;
  /** Mount options of the host's cgroup2 that a mount in its own cgroup namespace must repeat, or it clears them. */
  readonly cgroup2Options: readonly string[];
  /** Capabilities that the kernel knows and that the daemon can hand on, as in `CAP_CHOWN`. */
  readonly capabilities: readonly string[];
  readonly seccomp: boolean;
  readonly selinux: boolean;
  /** As in `2MB`; empty when there is no hugetlb controller. */
  readonly hugepageSizes: ReadonlySet<string>;
  /** True when the memory controller accounts swap. */
  readonly swap: boolean;
  /** True when systemd's scopes know what to do when memory ran out (`OOMPolicy`, since 253 and in Debian 12's 252). */
  readonly scopesHaveOomPolicy: boolean;
  /** The lowest oom_score_adj that the daemon may give to a process. */
  readonly oomScoreAdjMin: number;
  /** The highest hard limits that the daemon may set, by `RLIMIT_NOFILE` and the like; absent: any. */
  readonly rlimitMax: ReadonlyMap<string, number>;
  /** As Go and the OCI name it: `amd64`. */
  readonly architecture: string;
  readonly kernel: KernelVersion;
}

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

/** What was looked up for one container; made by `lookUp`. */
export interface FoundFacts {
  /** What its pod's annotations want of its processors. */
  readonly processors?: ProcessorOrders;
  /** Of those, the ones that go on taking interrupts, as a list. */
  readonly housekeeping?: string;
  readonly user: ContainerUser;
  /** One for each mount of the config, in its order. */
  readonly mounts: readonly FoundMount[];
  /** Of volumes that the image declares: what is bound there, by their path in the container. */
  readonly declaredVolumes: ReadonlyMap<string, string>;
  readonly devices: readonly FoundDevice[];
  /** Every device of the node; empty for containers that don't get them. */
  readonly hostDevices: readonly OciDevice[];
  readonly cdi: FoundCdi;
  /** What the handler's containers begin with. */
  readonly base?: BaseSpec;
  /** By its class. */
  readonly blockIo?: OciBlockIo;
  /** By its class. */
  readonly rdt?: OciLinux["intelRdt"];
  /** That the settings give every container. */
  readonly nodeMounts: readonly OciMount[];
  /** In the order in which they are run. */
  readonly hooks: readonly StagedHook[];
  /** The profile that was asked for; absent: unconfined. */
  readonly seccomp?: SeccompProfile;
  /** Who is to be told of system calls that the profile refuses. */
  readonly seccompListener?: SeccompListener;
  /** The AppArmor profile to run under; absent: none. */
  readonly apparmorProfile?: string;
  /** The PID namespace of the container that `pid: "target"` names. */
  readonly targetPidNamespace?: string;
}

/** A device, or a directory of devices, for a container. */
export interface RequestedDevice extends Device {
  /** Who asks for it: a field of the config, a setting, an annotation. */
  readonly field: string;
}

/** A device that is asked for, and the device nodes it stands for, with their paths in the container. */
export interface FoundDevice {
  readonly requested: RequestedDevice;
  readonly nodes: readonly OciDevice[];
}

/** A listener of seccomp filters, and what it is to be told of the container's. */
export interface SeccompListener {
  /** Of its socket. */
  readonly path: string;
  readonly metadata: string;
}

/** What a container's CDI devices change of its configuration. */
export interface FoundCdi {
  /** In the order in which they are made. */
  readonly edits: readonly CdiEdits[];
  /** All device nodes of `edits`, with what the node's own devices say. */
  readonly deviceNodes: readonly FoundCdiDevice[];
}

export interface FoundCdiDevice {
  /** Without an owner: the process's. */
  readonly device: OciDevice;
  /** Some of `r`, `w`, `m`; empty: none. */
  readonly access: string;
}

/** The host's side of a mount, after its symbolic links were resolved. */
export interface FoundMount {
  readonly source: string;
  /** Where changes to the mount that holds `source` spread to, or come from (mount_namespaces(7)). */
  readonly propagation: "private" | "shared" | "slave";
  /** The mount point that holds `source`. */
  readonly mountPoint: string;
}
