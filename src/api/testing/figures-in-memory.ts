import type { CgroupFigures } from "../../stats/contract.ts";
import type { ContainerReading } from "../../stats/pod-metrics/contract.ts";
import type { Figures } from "../parts.ts";

/** The same figures for every container and pod. @param oomKills of every container's processes */
export function figuresInMemory(oomKills: () => number): Figures {
  const cgroup = { at: 5n, cpu: { usageNanos: 7n }, memory: memoryFigures, processes: 2 };
  const counters = {
    rxBytes: 1,
    rxPackets: 2,
    rxErrors: 0,
    rxDropped: 3,
    txBytes: 2,
    txPackets: 4,
    txErrors: 0,
    txDropped: 5,
  };
  const reading = metricsReading(cgroup);
  const interfaces = ["lo", "eth0", "eth1"].map((name) => ({ name, ...counters }));
  return {
    containers: async (records) =>
      new Map(records.filter(({ state }) => state.kind === "running").map(({ id }) => [id, { cgroup }])),
    pods: async (records) =>
      new Map(records.map(({ id }) => [id, { cgroup, network: { at: 5n, interfaces } }])),
    fileSystems: async () => ({
      images: [{ at: 5n, mountpoint: "/", bytes: 10, inodes: 2 }],
      containers: [],
    }),
    metrics: {
      containers: async (records) => new Map(records.map(({ id }) => [id, reading])),
      networks: async (records) => new Map(records.map(({ id }) => [id, { interfaces }])),
      oomKills,
      deviceName: (number) => `/dev/disk-${number}`,
    },
  };
}

const memoryFigures = { usage: 10, workingSet: 8, rss: 4, pageFaults: 1, majorPageFaults: 0 };

/** Everything that a kernel may have, so that every metric has a value. */
function metricsReading(figures: CgroupFigures): ContainerReading {
  const line = { avg10: 0, avg60: 0, avg300: 0, totalUs: 2_500_000n };
  const psi = { some: line, full: line };
  const bytes = { readBytes: 11, reads: 12, writeBytes: 13, writes: 14 };
  return {
    cgroup: {
      figures: {
        cpu: { usageNanos: 7_900_000_000n, psi },
        memory: { ...memoryFigures, psi },
        io: { psi },
        swap: figures.swap,
      },
      userSeconds: 3.9,
      systemSeconds: 4,
      periods: 1,
      throttledPeriods: 2,
      throttledSeconds: 3,
      cache: 20,
      mappedFile: 21,
      kernelMemory: 22,
      maxMemory: 23,
      memoryLimitHits: 24,
      pageFaults: { own: 25, hierarchy: 26 },
      majorPageFaults: { own: 27, hierarchy: 28 },
      oomKills: 29,
      threads: 30,
      threadsMax: 0,
      io: [{ number: "254:0", ...bytes, operations: [["Read", 11]] }],
      hugePages: [{ pageSize: "2MB", usage: 31, maxUsage: 2 ** 40 + 1 }],
    },
    processes: { processes: 32, fileDescriptors: 33, sockets: 34, maxOpenFiles: 35 },
    fileSystem: { device: "/dev/vda1", limit: 36, inodes: 37, inodesFree: 38, used: { at: 5n, bytes: 39 } },
  };
}
