import type { PodSandboxId } from "../base/ids.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";

/** What a container needs to know of its pod. */
export interface ContainerPod {
  readonly id: PodSandboxId;
  readonly config: PodSandboxConfig;
  /** Why the pod takes no containers now; undefined: it does. */
  readonly refuses: string | undefined;
  readonly handler: string;
  readonly cgroup: string;
  readonly monitorCgroup: string;
  /** The pinned namespaces that the pod has; `pid` only when it shares one. */
  readonly namespaces: {
    readonly net?: string;
    readonly ipc?: string;
    readonly uts?: string;
    readonly pid?: string;
  };
  readonly hostname: string;
  readonly files: {
    readonly hostname: string;
    readonly hosts: string;
    readonly resolvConf: string;
    readonly shm: string;
  };
}
