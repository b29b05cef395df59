import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseLimitsV1, parseLimitsV2 } from "./limits.ts";
import { LimitsReader } from "./read-limits.ts";

const none = { shares: undefined, quota: undefined, period: undefined, memory: undefined, memsw: undefined };

test("a v1 group: what is unlimited is told as -1, what the kernel lacks is absent", () => {
  const untouched = {
    shares: "1024\n",
    quota: "-1\n",
    period: "100000\n",
    memory: "9223372036854771712\n",
    memsw: "9223372036854771712\n",
  };
  assert.deepEqual(parseLimitsV1(untouched), {
    cpuShares: 1024,
    cpuQuotaUs: -1,
    cpuPeriodUs: 100_000,
    memoryLimit: -1,
    memorySwapLimit: -1,
  });
  const limited = { ...untouched, quota: "20000\n", memory: "67108864\n", memsw: undefined };
  const { cpuQuotaUs, memoryLimit, memorySwapLimit } = parseLimitsV1(limited);
  assert.deepEqual([cpuQuotaUs, memoryLimit, memorySwapLimit], [20_000, 67_108_864, undefined]);
  assert.deepEqual(parseLimitsV1(none), {});
});

test("a v2 group: weight, quota and period of one file, memory and swap together", () => {
  const files = {
    weight: "20\n",
    cpuMax: "max 100000\n",
    memoryMax: "max\n",
    swapMax: "max\n",
  };
  assert.deepEqual(parseLimitsV2(files), {
    cpuWeight: 20,
    cpuQuotaUs: -1,
    cpuPeriodUs: 100_000,
    memoryLimit: -1,
    memorySwapLimit: -1,
  });
  const limited = { ...files, cpuMax: "50000 100000\n", memoryMax: "104857600\n", swapMax: "0\n" };
  const found = parseLimitsV2(limited);
  assert.deepEqual(
    [found.cpuQuotaUs, found.memoryLimit, found.memorySwapLimit],
    [50_000, 104_857_600, 104_857_600],
  );
  assert.equal(parseLimitsV2({ ...limited, swapMax: "1048576\n" }).memorySwapLimit, 105_906_176);
  assert.equal(parseLimitsV2({ ...limited, swapMax: undefined }).memorySwapLimit, undefined);
});

test("files are found in a v1 group's hierarchies and in a v2 group's one directory", () => {
  const root = mkdtempSync(join(tmpdir(), "berth-limits-"));
  try {
    mkdirSync(join(root, "a/b"), { recursive: true });
    const files = {
      "cpu.shares": "2\n",
      "hugetlb.2MB.limit_in_bytes": "9223372036854771712\n",
      "hugetlb.2MB.usage_in_bytes": "0\n",
      "cpu.weight": "1\n",
      "hugetlb.2MB.max": "4194304\n",
      "hugetlb.2MB.current": "2097152\n",
      "memory.high": "max\n",
      "cpuset.cpus": "0-1\n",
      "cpuset.mems": "\n",
      "io.max": "8:0 rbps=1\n8:1 rbps=1\n",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, "a/b", name), text);
    const v1 = new LimitsReader({
      version: 1,
      directories: () =>
        new Map([
          ["cpu", root],
          ["hugetlb", `${root}/`],
        ]),
    });
    assert.deepEqual(v1.read("/a/b"), { cpuShares: 2 });
    assert.deepEqual(v1.hugepages("/a/b", "2MB"), { limit: Number.MAX_SAFE_INTEGER, usage: 0 });
    assert.equal(v1.unified("/a/b", "memory.high"), undefined);
    const v2 = new LimitsReader({ version: 2, directories: () => new Map([["unified", root]]) });
    const cpuset = { cpusetCpus: "0-1", cpusetMems: "" };
    assert.deepEqual(v2.read("/a/b"), { cpuWeight: 1, ...cpuset });
    assert.deepEqual(v2.cpuset("/a/b"), cpuset);
    assert.deepEqual(v2.hugepages("/a/b", "2MB"), { limit: 4_194_304, usage: 2_097_152 });
    assert.equal(v2.hugepages("/a/b", "1GB"), undefined);
    assert.equal(v2.unified("/a/b", "memory.high"), "max");
    assert.equal(v2.unified("/a/b", "io.max"), undefined, "of several lines");
    assert.deepEqual(v2.read("/a/gone"), {});
  } finally {
    rmSync(root, { recursive: true });
  }
});
