import type { Logger } from "pino";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { Containers } from "../container/contract.ts";
import type { ContainerParts } from "../container/parts.ts";
import type { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { NodeImages } from "../image/images.ts";
import type { NodeApparmor } from "../linux/apparmor/profiles.ts";
import type { Metadata } from "../metadata/contract.ts";
import type { PodNetwork } from "../network/contract.ts";
import type { NodeNri } from "../nri/open.ts";
import type { PodSandboxes } from "../pod/contract.ts";
import type { PodParts } from "../pod/parts.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { ContainerRuntime } from "../runtime/contract.ts";
import type { NodeSnapshotters } from "../snapshot/snapshotters.ts";
import type { CdiDirectories } from "../spec/cdi/directories.ts";
import type { HookDirectories } from "../spec/hooks/directories.ts";
import type { StreamServer } from "../stream/contract.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { NodeWatch } from "./node-watch.ts";
import type { HostParts } from "./open-host.ts";

/** Everything that a running daemon is made of. Disposing of it ends threads and closes files; containers run on. */
export interface NodeParts extends AsyncDisposable {
  readonly config: Config;
  readonly paths: Paths;
  readonly watch: NodeWatch;
  readonly log: Logger;
  readonly host: HostParts;
  readonly metadata: Metadata;
  readonly runtime: ContainerRuntime;
  readonly network: PodNetwork;
  readonly cdi: CdiDirectories;
  readonly hooks: HookDirectories;
  readonly apparmor: NodeApparmor;
  readonly snapshotters: NodeSnapshotters;
  readonly registry: RegistryClient;
  readonly images: NodeImages;
  readonly events: EventBus<LifecycleEvent>;
  readonly podParts: PodParts;
  readonly containerParts: ContainerParts;
  readonly podSandboxes: PodSandboxes;
  readonly containers: Containers;
  readonly streams: StreamServer;
  readonly nri: NodeNri;
  readonly disks: DiskWatch;
}
