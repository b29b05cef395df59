import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { Metrics as MetricsV1 } from "../../wire/gen/cgroup-metrics.v1.ts";
import { Metrics as MetricsV2 } from "../../wire/gen/cgroup-metrics.v2.ts";
import { decodeMetrics } from "./metrics.ts";

const unlimitedV1 = 0x7fff_ffff_ffff_f000n;
const unlimitedV2 = (1n << 64n) - 1n;
const v1 = (metrics: Parameters<typeof MetricsV1.fromPartial>[0]) =>
  decodeMetrics({
    typeUrl: "io.containerd.cgroups.v1.Metrics",
    value: MetricsV1.encode(MetricsV1.fromPartial(metrics)).finish(),
  });
const v2 = (metrics: Parameters<typeof MetricsV2.fromPartial>[0]) =>
  decodeMetrics({
    typeUrl: "types.googleapis.com/io.containerd.cgroups.v2.Metrics",
    value: MetricsV2.encode(MetricsV2.fromPartial(metrics)).finish(),
  });

test("figures of a cgroup v1", () => {
  const told = v1({
    cpu: {
      usage: { total: 7_000_000_001n, user: 4_500_000_000n, kernel: 2_000_000_000n },
      throttling: { periods: 9n, throttledPeriods: 3n, throttledTime: 1_500_000_000n },
    },
    memory: {
      usage: { usage: 1000n, limit: 4000n, max: 1500n, failcnt: 2n },
      swap: { usage: 1300n, limit: 9000n },
      kernel: { usage: 70n },
      pgFault: 5n,
      totalPgFault: 6n,
      totalPgMajFault: 1n,
      totalCache: 300n,
      totalRss: 400n,
      totalMappedFile: 50n,
      totalInactiveFile: 200n,
    },
    pids: { current: 4n, limit: 0n },
    memoryOomControl: { oomKill: 1n },
    hugetlb: [{ pagesize: "2MB", usage: 10n, max: 20n }],
    blkio: {
      ioServiceBytesRecursive: [
        { op: "Read", major: 254n, minor: 0n, value: 4096n },
        { op: "Write", major: 254n, minor: 0n, value: 8192n },
      ],
      ioServicedRecursive: [
        { op: "Read", major: 254n, minor: 0n, value: 1n },
        { op: "Write", major: 254n, minor: 0n, value: 2n },
      ],
    },
  });
  assert.deepEqual(told.figures, {
    cpu: { usageNanos: 7_000_000_001n },
    memory: { usage: 1000, workingSet: 800, available: 3200, rss: 400, pageFaults: 6, majorPageFaults: 1 },
    swap: { usage: 300, available: 4700 },
    processes: 4,
  });
  assert.deepEqual([told.userSeconds, told.systemSeconds, told.throttledSeconds], [4.5, 2, 1.5]);
  assert.deepEqual([told.maxMemory, told.memoryLimitHits, told.kernelMemory], [1500, 2, 70]);
  assert.deepEqual(told.pageFaults, { own: 5, hierarchy: 6 });
  assert.deepEqual([told.threadsMax, told.oomKills], [0, 1]);
  assert.deepEqual(told.hugePages, [{ pageSize: "2MB", usage: 10, maxUsage: 20 }]);
  const operations = [
    ["Read", 4096],
    ["Write", 8192],
  ];
  const device = { number: "254:0", readBytes: 4096, reads: 1, writeBytes: 8192, writes: 2, operations };
  assert.deepEqual(told.io, [device]);
});

test("figures of a cgroup v2", () => {
  const line = { avg10: 1.5, avg60: 2.5, avg300: 3.5, total: 99n };
  const told = v2({
    cpu: { usageUsec: 7_000_001n, userUsec: 4_500_000n, systemUsec: 2_000_000n, psi: { some: line } },
    memory: {
      usage: 1000n,
      usageLimit: 4000n,
      inactiveFile: 200n,
      anon: 400n,
      file: 300n,
      kernelStack: 30n,
      slab: 40n,
      pgfault: 6n,
      pgmajfault: 1n,
      swapUsage: 5n,
      swapLimit: unlimitedV2,
    },
    pids: { current: 4n, limit: unlimitedV2 },
    memoryEvents: { max: 2n, oomKill: 1n },
    io: { usage: [{ major: 8n, minor: 16n, rbytes: 1n, wbytes: 2n, rios: 3n, wios: 4n }] },
  });
  const some = { avg10: 1.5, avg60: 2.5, avg300: 3.5, totalUs: 99n };
  const full = { avg10: 0, avg60: 0, avg300: 0, totalUs: 0n };
  assert.deepEqual(told.figures, {
    cpu: { usageNanos: 7_000_001_000n, psi: { some, full } },
    memory: {
      usage: 1000,
      workingSet: 800,
      available: 3200,
      rss: 400,
      pageFaults: 6,
      majorPageFaults: 1,
      psi: undefined,
    },
    swap: { usage: 5, available: undefined },
    io: undefined,
    processes: 4,
  });
  assert.deepEqual([told.kernelMemory, told.maxMemory, told.memoryLimitHits], [70, undefined, 2]);
  assert.deepEqual([told.threadsMax, told.oomKills], [0, 1]);
  assert.equal(told.io[0]?.number, "8:16");
});

test("what a shim leaves out is absent, and a limit that is none", () => {
  assert.equal(v1({}).figures.cpu, undefined);
  assert.equal(v2({}).figures.memory, undefined);
  const { memory, swap } = v1({ memory: { usage: { usage: 10n, limit: unlimitedV1 } } }).figures;
  assert.deepEqual([memory?.available, swap], [undefined, undefined]);
  // less in use than the kernel would take back: counters are not read at one moment
  assert.equal(v2({ memory: { usage: 10n, inactiveFile: 20n } }).figures.memory?.workingSet, 0);
});

test("a format that is not known is told, and what can't be read", () => {
  const unknown = { typeUrl: "example.com/figures.v9.Metrics", value: new Uint8Array() };
  assert.throws(
    () => decodeMetrics(unknown),
    (error) => isFault(error, "unimplemented") && error.message.includes('"figures.v9.Metrics"'),
  );
  const cut = { typeUrl: "io.containerd.cgroups.v2.Metrics", value: Buffer.from([0x12, 0x7f, 0x08]) };
  assert.throws(
    () => decodeMetrics(cut),
    (error) => isFault(error, "corrupt"),
  );
});
