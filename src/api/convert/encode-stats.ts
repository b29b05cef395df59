import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { UnixNanos } from "../../base/units.ts";
import type { ContainerRecord } from "../../container/state.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import type { CgroupStats, NetworkCounters, Pressure, PressureLine } from "../../stats/contract.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodedOnce } from "../../wire/grpc/encoded.ts";
import type { ContainerFigures, FileSystemUsage, PodFigures } from "../parts.ts";

/** Field numbers of protobuf messages that are put together from parts (wire type 2: it has a length). */
const lengthDelimited = 2;
const statsOfAnswer = 1;
const linuxOfPod = 2;
const containersOfPod = 5;

/** What never changes of a container's statistics. */
const containerAttributes = encodedOnce(({ id, config }: ContainerRecord) => {
  const { metadata, labels, annotations } = config;
  return cri.ContainerStats.encode({
    ...noContainerFigures,
    attributes: { id, metadata, labels, annotations },
  }).finish();
});

const podAttributes = encodedOnce(({ id, config }: PodSandboxRecord) => {
  const { metadata, labels, annotations } = config;
  const attributes = { id, metadata, labels, annotations };
  return cri.PodSandboxStats.encode({ attributes, linux: undefined, windows: undefined }).finish();
});

const noContainerFigures: cri.ContainerStats = {
  attributes: undefined,
  cpu: undefined,
  memory: undefined,
  writableLayer: undefined,
  swap: undefined,
  io: undefined,
};

/**
 * An answer with one container's CRI ContainerStats, which every call for them has in the same field; without figures,
 * those of a container that does not run.
 *
 * @param writer is empty before and after, and may be used for many
 */
export function encodeContainerStats(
  record: ContainerRecord,
  figures: ContainerFigures | undefined,
  writer = new BinaryWriter(),
): Uint8Array {
  writer.tag(statsOfAnswer, lengthDelimited).fork();
  writeContainerStats(writer, record, figures);
  return writer.join().finish();
}

/**
 * An answer with one pod's CRI PodSandboxStats; without figures, those of a pod that is not ready.
 *
 * @param writer is empty before and after, and may be used for many
 */
export function encodePodSandboxStats(
  record: PodSandboxRecord,
  figures: PodFigures | undefined,
  containers: readonly (readonly [ContainerRecord, ContainerFigures])[],
  writer = new BinaryWriter(),
): Uint8Array {
  writer.tag(statsOfAnswer, lengthDelimited).fork();
  writer.raw(podAttributes(record)).tag(linuxOfPod, lengthDelimited).fork();
  cri.LinuxPodSandboxStats.encode(podFigures(figures), writer);
  for (const [container, inside] of containers) {
    writer.tag(containersOfPod, lengthDelimited).fork();
    writeContainerStats(writer, container, inside);
    writer.join();
  }
  return writer.join().join().finish();
}

function writeContainerStats(
  writer: BinaryWriter,
  record: ContainerRecord,
  figures: ContainerFigures | undefined,
): void {
  writer.raw(containerAttributes(record));
  const cgroup = figures?.cgroup;
  const stats = {
    ...noContainerFigures,
    cpu: encodeCpu(cgroup, figures?.usageNanoCores),
    memory: encodeMemory(cgroup),
    writableLayer: figures?.writableLayer && encodeFileSystem(figures.writableLayer),
    swap: encodeSwap(cgroup),
    io: encodeIo(cgroup),
  };
  cri.ContainerStats.encode(stats, writer);
}

function podFigures(figures: PodFigures | undefined): cri.LinuxPodSandboxStats {
  const cgroup = figures?.cgroup;
  return {
    cpu: encodeCpu(cgroup, figures?.usageNanoCores),
    memory: encodeMemory(cgroup),
    network: figures?.network && encodeNetwork(figures.network.at, figures.network.interfaces),
    process:
      cgroup?.processes === undefined
        ? undefined
        : { timestamp: cgroup.at, processCount: counted(cgroup.processes) },
    containers: [],
    io: encodeIo(cgroup),
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
function encodeNetwork(at: UnixNanos, interfaces: readonly NetworkCounters[]): cri.NetworkUsage {
  const [defaultInterface, ...others] = interfaces.filter(({ name }) => name !== "lo");
  return {
    timestamp: at,
    defaultInterface: defaultInterface && encodeInterface(defaultInterface),
    interfaces: others.map(encodeInterface),
  };
}

function encodeInterface(counters: NetworkCounters): cri.NetworkInterfaceUsage {
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
