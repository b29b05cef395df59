/**
 * Which namespace a container or pod uses: one shared by the pod, one of its own, the node's, or that of another
 * container of the pod.
 */
export type NamespaceMode = "pod" | "container" | "node" | "target";

export interface IdMapping {
  hostId: number;
  containerId: number;
  length: number;
}

/** Ids from 0 on of a user namespace, and which ids of the host stand for them. */
export interface UserMappings {
  uids: IdMapping;
  gids: IdMapping;
}

/** CRI NamespaceOption. */
export interface NamespaceOptions {
  network: NamespaceMode;
  pid: NamespaceMode;
  ipc: NamespaceMode;
  /** The container whose PID namespace is used; set exactly when `pid` is "target". */
  targetId?: string;
  /** Set when the pod has a user namespace of its own. */
  user?: UserMappings;
}

/** CRI SecurityProfile, for seccomp and AppArmor. `ref` is a path (seccomp) or a loaded profile's name (AppArmor). */
export type SecurityProfile =
  | { kind: "runtimeDefault" }
  | { kind: "unconfined" }
  | { kind: "localhost"; ref: string };

export interface SELinuxOptions {
  user: string;
  role: string;
  type: string;
  level: string;
}

/**
 * How image groups and requested groups combine: "merge" adds the groups that the image's /etc/group gives the user,
 * "strict" uses only what was asked for.
 */
export type SupplementalGroupsPolicy = "merge" | "strict";
