import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import { ociResources, type ResourceHost } from "./resources.ts";

const host: ResourceHost = { cgroupVersion: 2, hugepageSizes: new Set(["2MB"]), swap: true };

test("what was set is passed on, and nothing else", () => {
  const cases: [LinuxResources, Partial<ResourceHost>, OciResources][] = [
    [{}, {}, {}],
    [
      { cpuShares: 0, cpuQuotaUs: 0, memoryLimit: 0, cpusetCpus: "", hugepageLimits: [], unified: {} },
      {},
      {},
    ],
    [
      { cpuShares: 2, cpuQuotaUs: -1, cpuPeriodUs: 1000, cpusetCpus: "0-1", cpusetMems: "0" },
      {},
      { cpu: { shares: 2, quota: -1, period: 1000, cpus: "0-1", mems: "0" } },
    ],
    [{ memoryLimit: 100 }, {}, { memory: { limit: 100, swap: 100 } }],
    [{ memoryLimit: 100, memorySwapLimit: 150 }, {}, { memory: { limit: 100, swap: 150 } }],
    [{ memoryLimit: 100, memorySwapLimit: -1 }, {}, { memory: { limit: 100, swap: -1 } }],
    [{ memoryLimit: -1 }, {}, { memory: { limit: -1, swap: -1 } }],
    [{ memoryLimit: 100, memorySwapLimit: 150 }, { swap: false }, { memory: { limit: 100 } }],
    [
      {
        hugepageLimits: [
          { pageSize: "2MB", limit: 5 },
          { pageSize: "1GB", limit: 0 },
        ],
      },
      {},
      { hugepageLimits: [{ pageSize: "2MB", limit: 5 }] },
    ],
    [{ hugepageLimits: [{ pageSize: "2MB", limit: 0 }] }, { hugepageSizes: new Set() }, {}],
    [
      { unified: { "memory.high": "1", "io.bfq.weight": "5" } },
      {},
      { unified: { "memory.high": "1", "io.bfq.weight": "5" } },
    ],
  ];
  for (const [wanted, on, expected] of cases) {
    assert.deepEqual(ociResources(wanted, { ...host, ...on }), expected, JSON.stringify(wanted));
  }
});

test("contradictions and files that can't be are refused", () => {
  const cases: [LinuxResources, Partial<ResourceHost>, RegExp][] = [
    [{ memoryLimit: 100, memorySwapLimit: 99 }, {}, /memorySwapLimitInBytes \(99\)/],
    [{ unified: { "memory.high": "1" } }, { cgroupVersion: 1 }, /memory\.high.*needs cgroup v2/],
    [{ unified: { "../memory.high": "1" } }, {}, /"\.\.\/memory\.high"/],
    [{ unified: { "a/b.c": "1" } }, {}, /a\/b\.c/],
  ];
  for (const [wanted, on, message] of cases) {
    assert.throws(
      () => ociResources(wanted, { ...host, ...on }),
      (error) => isFault(error, "invalid") && message.test(error.message),
    );
  }
});
