import type { Bytes, UnixNanos } from "../../base/units.ts";
import type { CgroupMetrics } from "../metrics-contract.ts";

/** What the processes of a container hold; absent where they are not this host's. */
export interface ProcessFigures {
  readonly processes?: number | undefined;
  readonly fileDescriptors?: number | undefined;
  readonly sockets?: number | undefined;
  /** Of the container's init; absent when it is gone. */
  readonly maxOpenFiles?: number | undefined;
}

/** The file system that holds the writable layers, and what one of them takes. */
export interface LayerFileSystem {
  /** As mounted, `/dev/vda1`. */
  readonly device: string;
  readonly limit: Bytes;
  readonly inodes: number;
  readonly inodesFree: number;
  /** As last counted; absent before the first count. */
  readonly used?: { readonly at: UnixNanos; readonly bytes: Bytes } | undefined;
}

/** What is read of a running container for its metrics. */
export interface LiveReading {
  readonly cgroup: CgroupMetrics;
  readonly processes: ProcessFigures;
}

/** Everything that the metrics of a running container are made from, but for what its record says. */
export interface ContainerReading extends LiveReading {
  readonly fileSystem: LayerFileSystem;
}
