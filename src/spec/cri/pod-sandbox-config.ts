import type { Bytes } from "../../base/units.ts";
import type { LinuxResources } from "./resources.ts";
import type {
  NamespaceOptions,
  SELinuxOptions,
  SecurityProfile,
  SupplementalGroupsPolicy,
} from "./security.ts";

/** Who the kubelet says the pod is. The four together name one attempt to run the pod. */
export interface PodSandboxMetadata {
  name: string;
  uid: string;
  namespace: string;
  attempt: number;
}

export interface DnsConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

export interface PortMapping {
  protocol: "tcp" | "udp" | "sctp";
  containerPort: number;
  /** 0: not mapped. */
  hostPort: number;
  hostIp: string;
}

/** CRI LinuxSandboxSecurityContext. */
export interface PodSandboxSecurity {
  namespaces: NamespaceOptions;
  selinux?: SELinuxOptions;
  runAsUser?: number;
  runAsGroup?: number;
  readonlyRootfs: boolean;
  supplementalGroups: number[];
  supplementalGroupsPolicy: SupplementalGroupsPolicy;
  privileged: boolean;
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
}

/** CRI PodSandboxConfig, checked: what RunPodSandbox was asked for. Plain data, kept in the pod's record. */
export interface PodSandboxConfig {
  metadata: PodSandboxMetadata;
  hostname: string;
  /** Where the containers' logs go; empty: no logs. */
  logDirectory: string;
  dns?: DnsConfig;
  portMappings: PortMapping[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  cgroupParent: string;
  security: PodSandboxSecurity;
  sysctls: Record<string, string>;
  overhead?: LinuxResources;
  resources?: LinuxResources;
  /** Size of /dev/shm, from the annotation of the runtime; absent: the default of the config. */
  shmSize?: Bytes;
}
