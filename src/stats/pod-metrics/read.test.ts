import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { parseMetricsV1 } from "./parse.ts";
import { parseBlkioV1, parseIoV2 } from "./parse-io.ts";
import { CgroupMetricsReader, hugePageSize } from "./read.ts";

/** Files of a cgroup v2, recorded of Linux 6.1: throttled, with reads and writes, and a process killed at the limit. */
const recorded = join(import.meta.dirname, "testing/cgroup-v2");

function readerOf(root: string): CgroupMetricsReader {
  const directories = (cgroup: string) => new Map([["unified", join(root, cgroup)]]);
  return new CgroupMetricsReader({ version: 2, directories }, ["2MB"]);
}

it("reads a real v2 group, and nothing of one that is not there", () => {
  const read = readerOf(recorded).read("/pod/container");
  assert.ok(read !== undefined);
  const { figures, ...metrics } = read;
  assert.deepEqual(metrics, {
    userSeconds: 4.634837,
    systemSeconds: 9.702973,
    periods: 244,
    throttledPeriods: 231,
    throttledSeconds: 9.280127,
    cache: 0,
    mappedFile: 0,
    kernelMemory: 45056,
    maxMemory: 33554432,
    memoryLimitHits: 7871,
    pageFaults: { own: 8377, hierarchy: 8377 },
    majorPageFaults: { own: 0, hierarchy: 0 },
    oomKills: 1,
    threads: 1,
    threadsMax: 64,
    io: [
      {
        number: "254:0",
        readBytes: 2752512,
        reads: 21,
        writeBytes: 409600,
        writes: 101,
        operations: [
          ["Read", 2752512],
          ["Write", 409600],
          ["Discard", 0],
        ],
      },
    ],
    hugePages: [{ pageSize: "2MB", usage: 0, maxUsage: undefined }],
  });
  assert.equal(figures.cpu?.usageNanos, 14_337_811_000n);
  assert.equal(figures.cpu?.psi?.some.totalUs, 19_745_950n);
  assert.equal(figures.cpu?.psi?.full.totalUs, 9_768_259n);
  assert.equal(figures.memory?.usage, 98304);
  assert.equal(figures.io?.psi.some.totalUs, 2043n);
  assert.equal(readerOf(recorded).read("/pod/none"), undefined);
  assert.equal(readerOf(recorded).oomKills("/pod/container"), 1);
  assert.equal(readerOf(recorded).oomKills("/pod/none"), undefined);
});

it("does without what older kernels of v2 lack, and knows no limit", (t) => {
  const older = mkdtempSync(join(tmpdir(), "berth-cgroup-v2-"));
  t.after(() => rmSync(older, { recursive: true }));
  cpSync(recorded, older, { recursive: true });
  const group = join(older, "pod/container");
  for (const name of ["memory.peak", "cpu.pressure", "memory.pressure", "io.pressure"])
    rmSync(join(group, name));
  writeFileSync(join(group, "memory.stat"), "anon 1\nfile 2\nkernel_stack 16384\nslab 100\n");
  writeFileSync(join(group, "pids.max"), "max\n");
  const read = readerOf(older).read("/pod/container");
  assert.equal(read?.maxMemory, undefined);
  assert.equal(read?.figures.cpu?.psi, undefined);
  assert.equal(read?.figures.io, undefined);
  assert.equal(read?.kernelMemory, 16484);
  assert.equal(read?.pageFaults, undefined);
  assert.equal(read?.threadsMax, 0);
});

it("reads v1's figures, of the tree where there are two", () => {
  const metrics = parseMetricsV1(
    {},
    {
      memoryStat:
        "cache 1\npgfault 3\npgmajfault 4\ntotal_cache 11\ntotal_mapped_file 12\ntotal_pgfault 13\n",
      cpuacctStat: "user 250\nsystem 125\n",
      cpuStat: "nr_periods 7\nnr_throttled 6\nthrottled_time 1500000000\nnr_bursts 0\n",
      memoryMaxUsage: "8192\n",
      memoryFailcnt: "5\n",
      kernelMemoryUsage: "4096\n",
      oomControl: "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
      pidsCurrent: "9\n",
      pidsMax: "max\n",
      ioServiceBytes: "Total 0\n",
      ioServiced: undefined,
      hugePages: [
        { pageSize: "2MB", usage: "2097152\n", max: "4194304\n" },
        { pageSize: "1GB", usage: undefined, max: undefined },
      ],
    },
  );
  assert.deepEqual(metrics, {
    figures: {},
    userSeconds: 2.5,
    systemSeconds: 1.25,
    periods: 7,
    throttledPeriods: 6,
    throttledSeconds: 1.5,
    cache: 11,
    mappedFile: 12,
    kernelMemory: 4096,
    maxMemory: 8192,
    memoryLimitHits: 5,
    pageFaults: { own: 3, hierarchy: 13 },
    majorPageFaults: undefined,
    oomKills: 2,
    threads: 9,
    threadsMax: 0,
    io: [],
    hugePages: [{ pageSize: "2MB", usage: 2097152, maxUsage: 4194304 }],
  });
});

it("reads reads and writes by device, from v1 and v2", () => {
  const bytes =
    "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 12288\n8:0 Total 12288\n254:16 Write 512\nTotal 12800\n";
  const serviced = "8:0 Read 1\n8:0 Write 2\n254:16 Write 3\nTotal 6\n";
  const [first, second, ...others] = parseBlkioV1(bytes, serviced);
  assert.deepEqual(others, []);
  assert.deepEqual(
    [first?.number, first?.readBytes, first?.reads, first?.writeBytes, first?.writes],
    ["8:0", 4096, 1, 8192, 2],
  );
  assert.deepEqual(
    first?.operations.map(([name]) => name),
    ["Read", "Write", "Sync", "Total"],
  );
  assert.deepEqual(
    [second?.number, second?.readBytes, second?.reads, second?.writeBytes, second?.writes],
    ["254:16", 0, 0, 512, 3],
  );
  assert.deepEqual(parseBlkioV1("Total 0\n", undefined), []);
  assert.deepEqual(parseIoV2("8:0 \n8:16 rbytes=x\nnonsense\n"), []);
});

it("names huge pages as cgroup files do", () => {
  const of = ["hugepages-64kB", "hugepages-2048kB", "hugepages-1048576kB", "other"].map(hugePageSize);
  assert.deepEqual(of, ["64KB", "2MB", "1GB", undefined]);
});
