import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CgroupFigures } from "./contract.ts";
import {
  type CgroupV1Files,
  type CgroupV2Files,
  hasLimitV1,
  parseCgroupV1,
  parseCgroupV2,
} from "./parse-cgroup.ts";

const v2Stat = `anon 1048576
file 4194304
kernel 999
inactive_anon 7
active_anon 8
inactive_file 3145728
active_file 1048576
workingset_refault_file 5
pgfault 4711
pgmajfault 12
`;
const pressure = `some avg10=1.25 avg60=0.50 avg300=0.07 total=18446744073709
full avg10=0.00 avg60=0.10 avg300=0.00 total=42
`;
const v2: CgroupV2Files = {
  cpuStat: "usage_usec 9007199254740993\nuser_usec 1\nsystem_usec 2\nnr_periods 0\n",
  cpuPressure: "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
  memoryCurrent: "5242880\n",
  memoryStat: v2Stat,
  memoryMax: "8388608\n",
  memoryPressure: pressure,
  swapCurrent: "4096\n",
  swapMax: "8192\n",
  ioPressure: pressure,
  pidsCurrent: "3\n",
};
/** What a kernel gives that has nothing. */
const nothing: CgroupFigures = {
  cpu: undefined,
  memory: undefined,
  swap: undefined,
  processes: undefined,
};
const noV2: CgroupV2Files = {
  cpuStat: undefined,
  cpuPressure: undefined,
  memoryCurrent: undefined,
  memoryStat: undefined,
  memoryMax: undefined,
  memoryPressure: undefined,
  swapCurrent: undefined,
  swapMax: undefined,
  ioPressure: undefined,
  pidsCurrent: undefined,
};
const psi = {
  some: { avg10: 1.25, avg60: 0.5, avg300: 0.07, totalUs: 18446744073709n },
  full: { avg10: 0, avg60: 0.1, avg300: 0, totalUs: 42n },
};
const zero = { avg10: 0, avg60: 0, avg300: 0, totalUs: 0n };

describe("parseCgroupV2", () => {
  it("reads every figure", () => {
    assert.deepEqual(parseCgroupV2(v2), {
      cpu: {
        usageNanos: 9007199254740993000n,
        psi: { some: { ...zero, totalUs: 7n }, full: zero },
      },
      memory: {
        usage: 5242880,
        workingSet: 2097152,
        available: 6291456,
        rss: 1048576,
        pageFaults: 4711,
        majorPageFaults: 12,
        psi,
      },
      swap: { usage: 4096, available: 4096 },
      io: { psi },
      processes: 3,
    });
  });

  it("leaves out limits that are not set, and never goes below zero", () => {
    const read = parseCgroupV2({ ...v2, memoryMax: "max\n", swapMax: "max\n", memoryCurrent: "1000\n" });
    assert.equal(read.memory?.workingSet, 0);
    assert.equal(read.memory?.available, undefined);
    assert.deepEqual(read.swap, { usage: 4096, available: undefined });
    assert.equal(parseCgroupV2({ ...v2, memoryMax: "1000\n" }).memory?.available, 0);
  });

  it("leaves out what the kernel does not have", () => {
    assert.deepEqual(parseCgroupV2(noV2), { ...nothing, io: undefined });
    assert.deepEqual(parseCgroupV2({ ...noV2, cpuStat: "usage_usec 1\n" }), {
      ...nothing,
      cpu: { usageNanos: 1000n, psi: undefined },
      io: undefined,
    });
    assert.deepEqual(parseCgroupV2({ ...noV2, memoryCurrent: "garbage" }).memory, undefined);
    assert.deepEqual(
      parseCgroupV2({ ...noV2, memoryCurrent: "7", memoryStat: "not_anon 5\nxanon 6\n" }).memory,
      {
        usage: 7,
        workingSet: 7,
        available: undefined,
        psi: undefined,
        rss: 0,
        pageFaults: 0,
        majorPageFaults: 0,
      },
    );
  });
});

describe("parseCgroupV1", () => {
  const stat = `cache 1
rss 2
inactive_file 3
swap 4
hierarchical_memory_limit 9223372036854771712
total_cache 100
total_rss 200
total_swap 64
total_pgfault 30
total_pgmajfault 1
total_inactive_file 300
`;
  const v1: CgroupV1Files = {
    cpuacctUsage: "123456789012345678\n",
    memoryUsage: "1000\n",
    memoryStat: stat,
    memoryLimit: "2000\n",
    memswLimit: "2100\n",
    pidsCurrent: "5\n",
  };

  it("reads the figures of the whole tree, not of the group alone", () => {
    assert.deepEqual(parseCgroupV1(v1), {
      cpu: { usageNanos: 123456789012345678n },
      memory: { usage: 1000, workingSet: 700, available: 1300, rss: 200, pageFaults: 30, majorPageFaults: 1 },
      swap: { usage: 64, available: 36 },
      processes: 5,
    });
  });

  it("knows whether a group or one above it is limited", () => {
    assert.equal(hasLimitV1(stat), false);
    assert.equal(hasLimitV1(stat.replace("9223372036854771712", "1073741824")), true);
    assert.equal(hasLimitV1(undefined), true);
  });

  it("takes the largest limit for none, and does without swap", () => {
    const read = parseCgroupV1({
      ...v1,
      memoryLimit: "9223372036854771712\n",
      memswLimit: undefined,
      memoryStat: stat.replace("total_swap 64\n", ""),
    });
    assert.equal(read.memory?.available, undefined);
    assert.equal(read.swap, undefined);
    assert.deepEqual(
      parseCgroupV1({
        cpuacctUsage: undefined,
        memoryUsage: undefined,
        memoryStat: undefined,
        memoryLimit: undefined,
        memswLimit: undefined,
        pidsCurrent: "max",
      }),
      nothing,
    );
  });
});
