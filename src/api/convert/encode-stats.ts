import type { UnixNanos } from "../../base/units.ts";
import type { ContainerRecord } from "../../container/state.ts";
import type { InterfaceCounters } from "../../network/contract.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import type { CgroupStats, Pressure, PressureLine } from "../../stats/contract.ts";
import type * as cri from "../../wire/gen/runtime.v1.ts";
import type { ContainerFigures, FileSystemUsage, PodFigures } from "../parts.ts";

/** CRI ContainerStats; without figures, those of a container that does not run. */
export function encodeContainerStats(
  record: ContainerRecord,
  figures: ContainerFigures | undefined,
): cri.ContainerStats {
  const cgroup = figures?.cgroup;
  return {
    attributes: {
      id: record.id,
      metadata: record.config.metadata,
      labels: record.config.labels,
      annotations: record.config.annotations,
    },
    cpu: encodeCpu(cgroup, figures?.usageNanoCores),
    memory: encodeMemory(cgroup),
    writableLayer: figures?.writableLayer && encodeFileSystem(figures.writableLayer),
    swap: encodeSwap(cgroup),
    io: encodeIo(cgroup),
  };
}

/** CRI PodSandboxStats; without figures, those of a pod that is not ready. */
export function encodePodSandboxStats(
  record: PodSandboxRecord,
  figures: PodFigures | undefined,
  containers: cri.ContainerStats[],
): cri.PodSandboxStats {
  const cgroup = figures?.cgroup;
  return {
    attributes: {
      id: record.id,
      metadata: record.config.metadata,
      labels: record.config.labels,
      annotations: record.config.annotations,
    },
    linux: {
      cpu: encodeCpu(cgroup, figures?.usageNanoCores),
      memory: encodeMemory(cgroup),
      network: figures?.network && encodeNetwork(figures.network.at, figures.network.interfaces),
      process:
        cgroup?.processes === undefined
          ? undefined
          : { timestamp: cgroup.at, processCount: counted(cgroup.processes) },
      containers,
      io: encodeIo(cgroup),
    },
    windows: undefined,
  };
}

/** CRI FilesystemUsage. */
export function encodeFileSystem(usage: FileSystemUsage): cri.FilesystemUsage {
  return {
    timestamp: usage.at,
    fsId: { mountpoint: usage.mountpoint },
    usedBytes: counted(usage.bytes),
    inodesUsed: counted(usage.inodes),
  };
}

function encodeCpu(stats: CgroupStats | undefined, nanoCores: bigint | undefined): cri.CpuUsage | undefined {
  if (stats?.cpu === undefined) return undefined;
  return {
    timestamp: stats.at,
    usageCoreNanoSeconds: { value: stats.cpu.usageNanos },
    usageNanoCores: nanoCores === undefined ? undefined : { value: nanoCores },
    psi: encodePressure(stats.cpu.psi),
  };
}

function encodeMemory(stats: CgroupStats | undefined): cri.MemoryUsage | undefined {
  const memory = stats?.memory;
  if (stats === undefined || memory === undefined) return undefined;
  return {
    timestamp: stats.at,
    workingSetBytes: counted(memory.workingSet),
    availableBytes: memory.available === undefined ? undefined : counted(memory.available),
    usageBytes: counted(memory.usage),
    rssBytes: counted(memory.rss),
    pageFaults: counted(memory.pageFaults),
    majorPageFaults: counted(memory.majorPageFaults),
    psi: encodePressure(memory.psi),
  };
}

function encodeSwap(stats: CgroupStats | undefined): cri.SwapUsage | undefined {
  const swap = stats?.swap;
  if (stats === undefined || swap === undefined) return undefined;
  return {
    timestamp: stats.at,
    swapAvailableBytes: swap.available === undefined ? undefined : counted(swap.available),
    swapUsageBytes: counted(swap.usage),
  };
}

function encodeIo(stats: CgroupStats | undefined): cri.IoUsage | undefined {
  return stats?.io === undefined ? undefined : { timestamp: stats.at, psi: encodePressure(stats.io.psi) };
}

function encodePressure(pressure: Pressure | undefined): cri.PsiStats | undefined {
  if (pressure === undefined) return undefined;
  return { Full: encodePressureLine(pressure.full), Some: encodePressureLine(pressure.some) };
}

function encodePressureLine(line: PressureLine): cri.PsiData {
  return { Total: line.totalUs, Avg10: line.avg10, Avg60: line.avg60, Avg300: line.avg300 };
}

/** The first interface that is not the loopback is the pod's default one. */
function encodeNetwork(at: UnixNanos, interfaces: readonly InterfaceCounters[]): cri.NetworkUsage {
  const [defaultInterface, ...others] = interfaces.filter(({ name }) => name !== "lo");
  return {
    timestamp: at,
    defaultInterface: defaultInterface && encodeInterface(defaultInterface),
    interfaces: others.map(encodeInterface),
  };
}

function encodeInterface(counters: InterfaceCounters): cri.NetworkInterfaceUsage {
  return {
    name: counters.name,
    rxBytes: counted(counters.rxBytes),
    rxErrors: counted(counters.rxErrors),
    txBytes: counted(counters.txBytes),
    txErrors: counted(counters.txErrors),
  };
}

function counted(value: number): cri.UInt64Value {
  return { value: BigInt(Math.max(0, Math.trunc(value))) };
}
