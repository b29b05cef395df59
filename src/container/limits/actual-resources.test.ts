import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { CgroupLimits } from "../../stats/limits.ts";
import type { LimitsReader } from "../../stats/read-limits.ts";
import type { ContainerRecord } from "../state.ts";
import { actualResources } from "./actual-resources.ts";
import { sharesOfWeight, weightsOfShares } from "./cpu-weight.ts";

const ours = { pid: process.pid, startTicks: 1 };

function of(resources: LinuxResources, kind: "running" | "exited" = "running"): ContainerRecord {
  const state = kind === "running" ? { kind, process: { init: ours, monitor: ours } } : { kind };
  return { resources, state, cgroup: "/pod/container" } as unknown as ContainerRecord;
}

/** The kernel's answers; those of the parent are `parent`. */
function reader(
  found: CgroupLimits,
  more: Partial<LimitsReader> = {},
  parent: CgroupLimits = {},
): LimitsReader {
  const read = (cgroup: string) => (cgroup === "/pod/container" ? found : parent);
  return {
    read,
    cpuset: read,
    hugepages: () => undefined,
    unified: () => undefined,
    ...more,
  } as LimitsReader;
}

function told(asked: LinuxResources, limits: LimitsReader): LinuxResources {
  const { oomScoreAdj, ...rest } = actualResources(of(asked), limits);
  assert.equal(typeof oomScoreAdj, "number", "that of the process");
  return rest;
}

const untouchedV1: CgroupLimits = {
  cpuShares: 1024,
  cpuQuotaUs: -1,
  cpuPeriodUs: 100_000,
  memoryLimit: -1,
  memorySwapLimit: -1,
  cpusetCpus: "0-1",
  cpusetMems: "0",
};

test("what nobody asked for and the kernel has by default is not told", () => {
  assert.deepEqual(told({}, reader(untouchedV1, {}, untouchedV1)), {});
  const untouchedV2 = { ...untouchedV1, cpuWeight: 100, cpusetCpus: "", cpusetMems: "" };
  const { cpuShares: _, ...v2 } = untouchedV2;
  assert.deepEqual(told({}, reader(v2)), {});
});

test("what was asked for is told as it was asked for where the kernel has it in its own way", () => {
  const asked = {
    cpuShares: 512,
    cpuQuotaUs: 20_000,
    cpuPeriodUs: 50_000,
    memoryLimit: 100_000_001,
    memorySwapLimit: 100_000_001,
    cpusetCpus: "0,1",
  };
  const found = {
    cpuQuotaUs: 20_000,
    cpuPeriodUs: 50_000,
    memoryLimit: 99_999_744,
    memorySwapLimit: 99_999_744,
    cpusetCpus: "0-1",
    cpusetMems: "0",
  };
  const parent = { cpusetMems: "0" };
  assert.deepEqual(told(asked, reader({ ...found, cpuShares: 512 }, {}, parent)), asked);
  for (const cpuWeight of weightsOfShares(512)) {
    assert.deepEqual(told(asked, reader({ ...found, cpuWeight }, {}, parent)), asked, `weight ${cpuWeight}`);
  }
});

test("what somebody else set is told as the kernel has it", () => {
  const asked = { cpuShares: 512, cpuQuotaUs: 20_000, memoryLimit: 64 << 20 };
  const changed = { ...untouchedV1, cpuShares: 100, cpuQuotaUs: -1, memoryLimit: 32 << 20, cpusetCpus: "1" };
  assert.deepEqual(told(asked, reader(changed, {}, untouchedV1)), {
    cpuShares: 100,
    cpuQuotaUs: -1,
    memoryLimit: 32 << 20,
    memorySwapLimit: -1,
    cpusetCpus: "1",
  });
  const { cpuShares: _, ...rest } = untouchedV1;
  assert.equal(told(asked, reader({ ...rest, cpuWeight: 4 })).cpuShares, sharesOfWeight(4));
  assert.equal(told({ memoryLimit: -1 }, reader({ memoryLimit: 4096 })).memoryLimit, 4096);
});

test("limits that are not in force are not told: huge pages without a controller, swap without accounting", () => {
  const asked = { hugepageLimits: [{ pageSize: "2MB", limit: 5 }], memoryLimit: 4096, memorySwapLimit: 8192 };
  assert.deepEqual(told(asked, reader({ memoryLimit: 4096 })), { memoryLimit: 4096 });
  const hugepages = () => ({ limit: 2 << 20, usage: 0 });
  assert.deepEqual(told(asked, reader({}, { hugepages })), {
    ...asked,
    hugepageLimits: [{ pageSize: "2MB", limit: 2 << 20 }],
  });
});

test("v2 files that were asked for are read; of a group that is gone the request is told", () => {
  const asked = { unified: { "memory.high": "100", "io.max": "8:0 rbps=1" } };
  const unified = (_: string, name: string) => (name === "memory.high" ? "4096" : undefined);
  assert.deepEqual(told(asked, reader({}, { unified })), {
    unified: { "memory.high": "4096", "io.max": "8:0 rbps=1" },
  });
  assert.deepEqual(told({ cpuShares: 2, memoryLimit: 1 }, reader({})), { cpuShares: 2, memoryLimit: 1 });
});

test("a container that has ended has what was asked for last", () => {
  assert.deepEqual(actualResources(of({ cpuShares: 7 }, "exited"), reader({ cpuShares: 9 })), {
    cpuShares: 7,
  });
});

test("shares become weights along a line or a curve", () => {
  assert.deepEqual(weightsOfShares(2), [1, 1]);
  assert.deepEqual(weightsOfShares(1024), [39, 100]);
  assert.deepEqual(weightsOfShares(262_144), [10_000, 10_000]);
  assert.equal(sharesOfWeight(1), 2);
  assert.equal(sharesOfWeight(10_000), 262_144);
});
