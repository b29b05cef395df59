import type { UnixNanos } from "../../base/units.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { NetworkCounters, Pressure } from "../contract.ts";
import type { DeviceIo } from "../metrics-contract.ts";
import type { ContainerReading } from "./contract.ts";
import { type MetricDescriptor, metrics } from "./descriptors.ts";

/**
 * Takes one figure. An undefined value is one that the kernel does not have: it is left out.
 *
 * @param labels the values of the descriptor's own labels, in its order
 * @param at when it was taken, of what was not read just now
 */
export type Emit = (
  metric: MetricDescriptor,
  value: number | undefined,
  labels?: readonly string[],
  at?: UnixNanos,
) => void;

/** What a container's record says to its metrics. */
export interface ContainerSpec {
  readonly startedAt: UnixNanos;
  readonly resources: LinuxResources;
}

const nanosInSecond = 1_000_000_000n;

/** The figures of a running container. `deviceName` tells `/dev/vda` from `254:0`. */
export function containerSamples(
  spec: ContainerSpec,
  reading: ContainerReading,
  deviceName: (number: string) => string,
  emit: Emit,
): void {
  emit(metrics.lastSeen, Date.now() / 1000);
  emit(metrics.startTimeSeconds, Number(spec.startedAt / nanosInSecond));
  emit(metrics.oomEventsTotal, reading.cgroup.oomKills);
  cpuSamples(spec.resources, reading, emit);
  memorySamples(reading, emit);
  for (const { pageSize, usage, maxUsage } of reading.cgroup.hugePages) {
    emit(metrics.hugetlbUsageBytes, usage, [pageSize]);
    emit(metrics.hugetlbMaxUsageBytes, maxUsage, [pageSize]);
  }
  fileSystemSamples(reading, emit);
  for (const io of reading.cgroup.io) ioSamples(io, deviceName(io.number), emit);
  processSamples(reading, emit);
  specSamples(spec.resources, emit);
  pressureSamples(reading, emit);
}

function cpuSamples(resources: LinuxResources, { cgroup }: ContainerReading, emit: Emit): void {
  const usage = cgroup.figures.cpu?.usageNanos;
  emit(metrics.cpuUserSecondsTotal, cgroup.userSeconds);
  emit(metrics.cpuSystemSecondsTotal, cgroup.systemSeconds);
  emit(metrics.cpuUsageSecondsTotal, usage === undefined ? undefined : Number(usage / nanosInSecond), [
    "total",
  ]);
  // as cAdvisor: of containers that can be throttled only
  if (quotaOf(resources) === undefined) return;
  emit(metrics.cpuCfsPeriodsTotal, cgroup.periods);
  emit(metrics.cpuCfsThrottledPeriodsTotal, cgroup.throttledPeriods);
  emit(metrics.cpuCfsThrottledSecondsTotal, cgroup.throttledSeconds);
}

function memorySamples({ cgroup }: ContainerReading, emit: Emit): void {
  const { memory, swap } = cgroup.figures;
  emit(metrics.memoryCache, cgroup.cache);
  emit(metrics.memoryRss, memory?.rss);
  emit(metrics.memoryKernelUsage, cgroup.kernelMemory);
  emit(metrics.memoryMappedFile, cgroup.mappedFile);
  // where the kernel does not count swap, there is none to the container
  emit(metrics.memorySwap, memory === undefined ? undefined : (swap?.usage ?? 0));
  emit(metrics.memoryFailcnt, cgroup.memoryLimitHits);
  emit(metrics.memoryUsageBytes, memory?.usage);
  emit(metrics.memoryMaxUsageBytes, cgroup.maxMemory);
  emit(metrics.memoryWorkingSetBytes, memory?.workingSet);
  emit(metrics.memoryFailuresTotal, cgroup.pageFaults?.own, ["pgfault", "container"]);
  emit(metrics.memoryFailuresTotal, cgroup.pageFaults?.hierarchy, ["pgfault", "hierarchy"]);
  emit(metrics.memoryFailuresTotal, cgroup.majorPageFaults?.own, ["pgmajfault", "container"]);
  emit(metrics.memoryFailuresTotal, cgroup.majorPageFaults?.hierarchy, ["pgmajfault", "hierarchy"]);
}

function fileSystemSamples({ fileSystem }: ContainerReading, emit: Emit): void {
  const { device, limit, inodes, inodesFree, used } = fileSystem;
  const labels = [device];
  emit(metrics.fsInodesFree, inodesFree, labels);
  emit(metrics.fsInodesTotal, inodes, labels);
  emit(metrics.fsLimitBytes, limit, labels);
  emit(metrics.fsUsageBytes, used?.bytes, labels, used?.at);
}

function ioSamples(io: DeviceIo, device: string, emit: Emit): void {
  const labels = [device];
  emit(metrics.fsReadsBytesTotal, io.readBytes, labels);
  emit(metrics.fsReadsTotal, io.reads, labels);
  emit(metrics.fsWritesBytesTotal, io.writeBytes, labels);
  emit(metrics.fsWritesTotal, io.writes, labels);
  const [major = "", minor = ""] = io.number.split(":");
  for (const [operation, bytes] of io.operations)
    emit(metrics.blkioDeviceUsageTotal, bytes, [device, major, minor, operation]);
}

function processSamples({ cgroup, processes }: ContainerReading, emit: Emit): void {
  emit(metrics.processes, processes.processes);
  emit(metrics.fileDescriptors, processes.fileDescriptors);
  emit(metrics.sockets, processes.sockets);
  emit(metrics.threads, cgroup.threads);
  emit(metrics.threadsMax, cgroup.threadsMax);
  emit(metrics.ulimitsSoft, processes.maxOpenFiles, ["max_open_files"]);
}

/** The kernel's own where none was asked for. */
const defaultPeriodUs = 100_000;
const defaultShares = 1024;

function specSamples(resources: LinuxResources, emit: Emit): void {
  emit(metrics.specCpuPeriod, resources.cpuPeriodUs || defaultPeriodUs);
  emit(metrics.specCpuQuota, quotaOf(resources));
  emit(metrics.specCpuShares, resources.cpuShares || defaultShares);
  emit(metrics.specMemoryLimitBytes, limitOf(resources.memoryLimit));
  emit(metrics.specMemoryReservationLimitBytes, limitOf(Number(resources.unified?.["memory.min"] ?? 0)));
  emit(metrics.specMemorySwapLimitBytes, limitOf(resources.memorySwapLimit));
}

function quotaOf({ cpuQuotaUs = 0 }: LinuxResources): number | undefined {
  return cpuQuotaUs > 0 ? cpuQuotaUs : undefined;
}

/** No limit, and what is no number, is 0. */
function limitOf(limit: number | undefined): number {
  return limit !== undefined && limit > 0 ? limit : 0;
}

function pressureSamples({ cgroup }: ContainerReading, emit: Emit): void {
  const { cpu, memory, io } = cgroup.figures;
  const both = (pressure: Pressure | undefined, stalled: MetricDescriptor, waiting: MetricDescriptor) => {
    if (pressure === undefined) return;
    emit(stalled, Number(pressure.full.totalUs / 1_000_000n));
    emit(waiting, Number(pressure.some.totalUs / 1_000_000n));
  };
  both(cpu?.psi, metrics.pressureCpuStalledSecondsTotal, metrics.pressureCpuWaitingSecondsTotal);
  both(memory?.psi, metrics.pressureMemoryStalledSecondsTotal, metrics.pressureMemoryWaitingSecondsTotal);
  both(io?.psi, metrics.pressureIoStalledSecondsTotal, metrics.pressureIoWaitingSecondsTotal);
}

/** The figures of a pod's own network, by interface. The loopback is left out, as everywhere. */
export function networkSamples(interfaces: readonly NetworkCounters[], emit: Emit): void {
  for (const counters of interfaces) {
    if (counters.name === "lo") continue;
    const labels = [counters.name];
    emit(metrics.networkReceiveBytesTotal, counters.rxBytes, labels);
    emit(metrics.networkReceivePacketsTotal, counters.rxPackets, labels);
    emit(metrics.networkReceivePacketsDroppedTotal, counters.rxDropped, labels);
    emit(metrics.networkReceiveErrorsTotal, counters.rxErrors, labels);
    emit(metrics.networkTransmitBytesTotal, counters.txBytes, labels);
    emit(metrics.networkTransmitPacketsTotal, counters.txPackets, labels);
    emit(metrics.networkTransmitPacketsDroppedTotal, counters.txDropped, labels);
    emit(metrics.networkTransmitErrorsTotal, counters.txErrors, labels);
  }
}
