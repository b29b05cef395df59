import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { CgroupLimits } from "../../stats/limits.ts";
import { completeLimits } from "./complete-limits.ts";

const limited = { memoryLimit: 100, memorySwapLimit: 130, cpuQuotaUs: 20_000, cpuPeriodUs: 50_000 };
const unlimited = { memoryLimit: -1, memorySwapLimit: -1, cpuQuotaUs: -1, cpuPeriodUs: 100_000 };

test("limits that the kernel has together are named together", () => {
  const cases: [LinuxResources, CgroupLimits, LinuxResources][] = [
    [{ cpuShares: 7 }, limited, { cpuShares: 7 }],
    [{ cpuQuotaUs: 10_000 }, limited, { cpuQuotaUs: 10_000, cpuPeriodUs: 50_000 }],
    [{ cpuPeriodUs: 10_000 }, limited, { cpuQuotaUs: 20_000, cpuPeriodUs: 10_000 }],
    [{ cpuQuotaUs: 10_000 }, {}, { cpuQuotaUs: 10_000 }],
    [{ memoryLimit: 200 }, limited, { memoryLimit: 200, memorySwapLimit: 230 }],
    [{ memoryLimit: 50 }, { ...limited, memorySwapLimit: -1 }, { memoryLimit: 50, memorySwapLimit: -1 }],
    [{ memoryLimit: 50 }, { memoryLimit: 100 }, { memoryLimit: 50 }],
    [{ memoryLimit: 50 }, unlimited, { memoryLimit: 50 }],
    [{ memoryLimit: -1 }, limited, { memoryLimit: -1, memorySwapLimit: -1 }],
    [{ memorySwapLimit: 300 }, limited, { memoryLimit: 100, memorySwapLimit: 300 }],
  ];
  for (const [wanted, now, expected] of cases)
    assert.deepEqual(completeLimits(wanted, now), expected, JSON.stringify(wanted));
});
