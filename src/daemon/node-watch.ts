import type { ApiObserver } from "../api/parts.ts";
import type { Ms } from "../base/units.ts";
import type { PullObserver } from "../image/contract.ts";
import type { Processes } from "../linux/contract.ts";
import type { PodNetwork } from "../network/contract.ts";
import type { NriObserver } from "../nri/contract.ts";
import type { ContainerRuntime } from "../runtime/contract.ts";
import type { LayerUnpacker } from "../snapshot/unpack-contract.ts";
import type { StreamTargets } from "../stream/contract.ts";

/** What the sweep takes away. */
export type StrayKind = "container" | "checkpoint" | "pod" | "cgroup" | "snapshot";

/**
 * Who watches what the node does. The parts themselves know nothing of it, where a contract can be watched from outside:
 * these are given back wrapped.
 */
export interface NodeWatch {
  readonly api: ApiObserver | undefined;
  readonly pulls: PullObserver | undefined;
  readonly nri: NriObserver | undefined;
  /** A group of `writes` was committed. */
  readonly committed: ((took: Ms, writes: number) => void) | undefined;
  stray(kind: StrayKind): void;
  swept(took: Ms, succeeded: boolean): void;
  /** The processes that the pods' network starts. */
  plugins(processes: Processes): Processes;
  network(network: PodNetwork): PodNetwork;
  runtime(runtime: ContainerRuntime): ContainerRuntime;
  unpacker(unpacker: LayerUnpacker): LayerUnpacker;
  streams(targets: StreamTargets): StreamTargets;
}

/** Where no metrics are asked for: everything is as it is. */
export const nobodyWatches: NodeWatch = {
  api: undefined,
  pulls: undefined,
  nri: undefined,
  committed: undefined,
  stray: () => undefined,
  swept: () => undefined,
  plugins: (processes) => processes,
  network: (network) => network,
  runtime: (runtime) => runtime,
  unpacker: (unpacker) => unpacker,
  streams: (targets) => targets,
};
