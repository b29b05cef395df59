import type { PodSandboxId } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { DnsConfig, PodSandboxMetadata, PortMapping } from "../spec/cri/pod-sandbox-config.ts";

/** What a network plugin needs to know of a pod. */
export interface PodNetworkConfig {
  readonly id: PodSandboxId;
  readonly metadata: PodSandboxMetadata;
  /** The pinned network namespace. */
  readonly netns: string;
  readonly portMappings: readonly PortMapping[];
  readonly dns?: DnsConfig;
  /** The pod's annotations (bandwidth limits, requested addresses) and cgroup path, for the capabilities of CNI. */
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
  /** CNI ADD of every plugin in order. @throws {Fault} unavailable, with the plugin and what it said */
  attach(pod: PodNetworkConfig, signal: AbortSignal): Promise<PodNetworkResult>;
  /**
   * CNI DEL in reverse, from the cached attachment alone; idempotent; succeeds when there is no trace of the pod.
   * @throws {Fault} unavailable when a plugin fails or is gone; the cached attachment then stays for a later try
   */
  detach(id: PodSandboxId, netns: string, signal: AbortSignal): Promise<void>;
  /** Forgets an attachment whose plugin can not be asked any more; leaves it to the background retries. */
  abandon(id: PodSandboxId, reason: string): Promise<void>;
  /** Pods that have a cached attachment, for the sweep. */
  attachments(): Promise<PodSandboxId[]>;
  /** The last configuration of the kubelet (UpdateRuntimeConfig): pod CIDRs. */
  setPodCidrs(cidrs: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Traffic of one interface, read from within the pod's network namespace. */
export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: Bytes;
  readonly rxErrors: number;
  readonly txBytes: Bytes;
  readonly txErrors: number;
}
