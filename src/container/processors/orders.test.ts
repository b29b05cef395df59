import assert from "node:assert/strict";
import { test } from "node:test";
import { allPodOrderNames } from "../../config/pod-orders.ts";
import { exampleConfig, examplePod } from "../spec/testing/example.ts";
import { processorOrders, withOrders } from "./orders.ts";

const resources = { cpuShares: 2048, cpuQuotaUs: 200_000, cpuPeriodUs: 100_000, cpusetCpus: "2-3" };

function ask(annotations: Record<string, string>, changed: object = {}, cgroupParent = "/kubepods/pod1") {
  return processorOrders({
    config: { ...exampleConfig, resources: { ...resources, ...changed } },
    pod: { ...examplePod.config, annotations, cgroupParent },
    allowed: allPodOrderNames,
    sharedCpus: "0-1",
  });
}

const none = { own: "2-3", withoutQuota: false, withoutBalancing: false };
const { name } = exampleConfig.metadata;

test("each annotation says one thing of a container's processors; that of the one container is stronger", () => {
  assert.deepEqual(ask({ "cpu-quota.crio.io": "disable" }), { ...none, withoutQuota: true });
  assert.deepEqual(ask({ "cpu-load-balancing.crio.io": "true" }), { ...none, withoutBalancing: true });
  assert.deepEqual(ask({ "irq-load-balancing.crio.io": "disable" }), { ...none, interrupts: "none" });
  assert.deepEqual(
    ask({ "irq-load-balancing.crio.io": "disable", [`irq-load-balancing.crio.io/${name}`]: "housekeeping" }),
    { ...none, interrupts: "housekeeping" },
  );
  assert.deepEqual(ask({ "cpu-c-states.crio.io": "disable" }), { ...none, resumeLatency: "n/a" });
  assert.deepEqual(ask({ "cpu-c-states.crio.io": "enable" }), { ...none, resumeLatency: "0" });
  assert.deepEqual(ask({ "cpu-c-states.crio.io": "max_latency:10" }), { ...none, resumeLatency: "10" });
  assert.deepEqual(ask({ "cpu-freq-governor.crio.io": "performance" }), { ...none, governor: "performance" });
  assert.deepEqual(ask({ [`cpu-shared.crio.io/${name}`]: "enable" }), {
    ...none,
    withoutQuota: true,
    shared: "0-1",
  });
});

test("pods without whole processors of their own ask in vain, as with CRI-O", () => {
  const all = { "cpu-load-balancing.crio.io": "disable" };
  assert.equal(ask(all, {}, "/kubepods/burstable/pod1"), undefined);
  assert.equal(ask(all, {}, "kubepods-besteffort-pod1.slice"), undefined);
  assert.equal(ask(all, { cpuShares: 512 }), undefined);
  assert.equal(ask(all, { cpusetCpus: "" }), undefined);
  assert.equal(ask({}), undefined);
  assert.deepEqual(ask({ ...all, "cpu-quota.crio.io": "disable" }, { cpusetCpus: "" }), {
    ...none,
    own: "",
    withoutQuota: true,
  });
});

test("a value that is none names its annotation", () => {
  for (const [key, value] of [
    ["cpu-quota.crio.io", "off"],
    ["cpu-load-balancing.crio.io", ""],
    ["irq-load-balancing.crio.io", "some"],
    ["cpu-c-states.crio.io", "max_latency:0"],
    [`cpu-shared.crio.io/${name}`, "yes"],
  ] as const)
    assert.throws(
      () => ask({ [key]: value }),
      new RegExp(`annotation ${key.replaceAll(".", "\\.")}: "${value}"`),
    );
});

test("resources of a new container, and a change of them, are as ordered", () => {
  const shared = ask({ [`cpu-shared.crio.io/${name}`]: "enable" });
  assert.deepEqual(withOrders(resources, shared), { ...resources, cpuQuotaUs: -1, cpusetCpus: "0-3" });
  assert.deepEqual(withOrders({ cpusetCpus: "3" }, shared), { cpusetCpus: "0-1,3" });
  assert.deepEqual(withOrders({ memoryLimit: 1 }, shared), { memoryLimit: 1 });
  assert.deepEqual(withOrders(resources, undefined), resources);
});
