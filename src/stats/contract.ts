import type { Bytes, UnixNanos } from "../base/units.ts";

/** Pressure of one resource (kernel: accounting/psi): per cent over 10, 60, 300 s, and total in microseconds. */
export interface Pressure {
  readonly some: PressureLine;
  readonly full: PressureLine;
}
export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUs: bigint;
}

/** The figures of one cgroup, from v1 or v2 files. A field is absent when the kernel does not have it. */
export interface CgroupStats extends CgroupFigures {
  readonly at: UnixNanos;
}

export interface CgroupFigures {
  readonly cpu?: { readonly usageNanos: bigint; readonly psi?: Pressure | undefined } | undefined;
  readonly memory?: MemoryFigures | undefined;
  readonly swap?: { readonly usage: Bytes; readonly available?: Bytes | undefined } | undefined;
  readonly io?: { readonly psi: Pressure } | undefined;
  readonly processes?: number | undefined;
}

export interface MemoryFigures {
  readonly usage: Bytes;
  /** Usage less inactive file pages, not below 0: what the kubelet evicts by. */
  readonly workingSet: Bytes;
  /** Limit less working set; absent without a limit. */
  readonly available?: Bytes | undefined;
  readonly rss: Bytes;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly psi?: Pressure | undefined;
}

/** Traffic of one interface, read from within the pod's network namespace. */
export interface NetworkCounters {
  readonly name: string;
  readonly rxBytes: Bytes;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: Bytes;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}
