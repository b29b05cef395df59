import type { Bytes } from "../base/units.ts";
import type { CgroupFigures } from "./contract.ts";

/** Reads and writes of a cgroup on one block device. */
export interface DeviceIo {
  /** As the kernel numbers it, `254:0`. */
  readonly number: string;
  readonly readBytes: Bytes;
  readonly reads: number;
  readonly writeBytes: Bytes;
  readonly writes: number;
  /** Bytes by what was done, under the kernel's names for v1: `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`. */
  readonly operations: readonly (readonly [name: string, bytes: Bytes])[];
}

export interface HugePages {
  /** As in `2MB`, `1GB`. */
  readonly pageSize: string;
  readonly usage: Bytes;
  /** Absent on cgroup v2. */
  readonly maxUsage?: Bytes | undefined;
}

/** Page faults of the group alone and with those below it. */
export interface PageFaults {
  readonly own: number;
  readonly hierarchy: number;
}

/** What a cgroup's metrics have beyond its statistics, from v1 or v2 files. A field is absent when the kernel lacks it. */
export interface CgroupMetrics {
  readonly figures: CgroupFigures;
  readonly userSeconds: number | undefined;
  readonly systemSeconds: number | undefined;
  readonly periods: number | undefined;
  readonly throttledPeriods: number | undefined;
  readonly throttledSeconds: number | undefined;
  readonly cache: Bytes | undefined;
  readonly mappedFile: Bytes | undefined;
  readonly kernelMemory: Bytes | undefined;
  readonly maxMemory: Bytes | undefined;
  readonly memoryLimitHits: number | undefined;
  readonly pageFaults: PageFaults | undefined;
  readonly majorPageFaults: PageFaults | undefined;
  readonly oomKills: number | undefined;
  readonly threads: number | undefined;
  /** 0 for no limit. */
  readonly threadsMax: number | undefined;
  readonly io: readonly DeviceIo[];
  readonly hugePages: readonly HugePages[];
}
