import type { LinuxResources } from "./resources.ts";
import type {
  IdMapping,
  NamespaceOptions,
  SELinuxOptions,
  SecurityProfile,
  SupplementalGroupsPolicy,
} from "./security.ts";

/** The name of a container within its pod, and which attempt to run it this is. */
export interface ContainerMetadata {
  name: string;
  attempt: number;
}

/** CRI ImageSpec. `image` is an image id or reference. */
export interface ImageSpec {
  image: string;
  annotations: Record<string, string>;
  /** What the user wrote; empty when the caller did not say. */
  userSpecifiedImage: string;
  runtimeHandler: string;
}

/** CRI Mount. Exactly one of `hostPath` and `image` is set. */
export interface Mount {
  containerPath: string;
  hostPath: string;
  readonly: boolean;
  recursiveReadOnly: boolean;
  selinuxRelabel: boolean;
  propagation: "private" | "hostToContainer" | "bidirectional";
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
  image?: ImageSpec;
  imageSubPath: string;
  options: string[];
}

export interface Device {
  containerPath: string;
  hostPath: string;
  /** Some of `r`, `w`, `m`. */
  permissions: string;
}

export interface Capabilities {
  add: string[];
  drop: string[];
  addAmbient: string[];
}

/** CRI LinuxContainerSecurityContext. */
export interface ContainerSecurity {
  capabilities: Capabilities;
  privileged: boolean;
  namespaces: NamespaceOptions;
  selinux?: SELinuxOptions;
  runAsUser?: number;
  runAsGroup?: number;
  runAsUsername: string;
  readonlyRootfs: boolean;
  supplementalGroups: number[];
  supplementalGroupsPolicy: SupplementalGroupsPolicy;
  noNewPrivs: boolean;
  maskedPaths: string[];
  readonlyPaths: string[];
  /** Absent: the caller set nothing, which means unconfined (CRI). */
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
}

/** CRI ContainerConfig, checked: what CreateContainer was asked for. Plain data, kept in the container's record. */
export interface ContainerConfig {
  metadata: ContainerMetadata;
  image: ImageSpec;
  command: string[];
  args: string[];
  workingDir: string;
  envs: { key: string; value: string }[];
  mounts: Mount[];
  devices: Device[];
  /** Fully qualified CDI device names. */
  cdiDevices: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Relative to the pod's log directory; empty: no log. */
  logPath: string;
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  resources: LinuxResources;
  security: ContainerSecurity;
  /** As in `SIGTERM`, `SIGRTMIN+3`; empty: the image's or SIGTERM. */
  stopSignal: string;
}
