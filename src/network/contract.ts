import type { PodSandboxId } from "../base/ids.ts";
import type { DnsConfig, PodSandboxMetadata, PortMapping } from "../spec/cri/pod-sandbox-config.ts";

/** What a network plugin needs to know of a pod. */
export interface PodNetworkConfig {
  readonly id: PodSandboxId;
  readonly metadata: PodSandboxMetadata;
  /** The pinned network namespace. */
  readonly netns: string;
  readonly portMappings: readonly PortMapping[];
  readonly dns?: DnsConfig;
  /**
   * The pod's annotations (bandwidth limits, requested addresses) and cgroup path, for the capabilities of
   * CNI.
   */
  readonly annotations: Readonly<Record<string, string>>;
  readonly cgroupPath: string;
}

/** What the pod got: the primary address first. */
export interface PodNetworkResult {
  readonly addresses: readonly string[];
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox: string }[];
}

/** The pods' network: CNI. Results are cached on disk by pod id, so that detach works from the id alone. */
export interface PodNetwork {
  /** Undefined when pods can be attached; else why not (no configuration, plugin missing, STATUS said no). */
  status(): Promise<string | undefined>;
  /**
   * CNI ADD of every plugin in order. When a plugin fails, what was attached is detached at once; when
   * `signal` ends it, that is left to `detach`.
   * @throws {Fault} unavailable, with the plugin and what it said; invalid for an annotation or name that
   * can't be used
   */
  attach(pod: PodNetworkConfig, signal: AbortSignal): Promise<PodNetworkResult>;
  /**
   * CNI DEL in reverse, from the cached attachment alone; idempotent; succeeds when there is no trace of the
   * pod.
   * @throws {Fault} unavailable when a plugin fails or is gone; the cached attachment then stays for a later
   * try
   */
  detach(id: PodSandboxId, netns: string, signal: AbortSignal): Promise<void>;
  /** Forgets an attachment whose plugin can not be asked any more; leaves it to the background retries. */
  abandon(id: PodSandboxId, reason: string): Promise<void>;
  /**
   * CNI CHECK of every plugin.
   * @throws {Fault} unavailable, with the plugin and what it said; notFound without an attachment
   */
  check(id: PodSandboxId, netns: string, signal: AbortSignal): Promise<void>;
  /** Pods that have a cached attachment. */
  attachments(): Promise<PodSandboxId[]>;
  /**
   * For the start: detaches what belongs to no pod that is `known`, and begins to retry what was abandoned.
   * Where the settings say so, plugins of CNI 1.1 are told which attachments are valid (GC).
   */
  sweep(known: (id: PodSandboxId) => boolean, signal: AbortSignal): Promise<void>;
  /**
   * The last configuration of the kubelet (UpdateRuntimeConfig): pod CIDRs, which plugins with the capability
   * `ipRanges` are given. Kept over restarts. @throws {Fault} invalid
   */
  setPodCidrs(cidrs: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
