import assert from "node:assert/strict";
import { it } from "node:test";
import { namesOf } from "./collect/resources.ts";
import { criResources, namesOfCri, nriResourcesOfCri } from "./cri-resources.ts";

it("gives what a running container can be given, under the names that plugins' claims have", () => {
  const resources = {
    cpuShares: 1,
    cpuQuotaUs: 2,
    cpuPeriodUs: 3,
    cpusetCpus: "0",
    cpusetMems: "1",
    memoryLimit: 4,
    memorySwapLimit: 5,
    hugepageLimits: [{ pageSize: "2MB", limit: 6 }],
    unified: { "memory.high": "7" },
  };
  const asked = nriResourcesOfCri(resources);
  assert.deepEqual(criResources(asked), resources);
  assert.deepEqual(namesOfCri(resources).sort(), namesOf(asked).sort());
});
