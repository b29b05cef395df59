import assert from "node:assert/strict";
import { test } from "node:test";
import { systemdCgroups } from "./systemd-cgroups.ts";
import { RecordingCgroups } from "./testing/recording-cgroups.ts";

/** systemd's part played in the same memory: a slice is there from start to stop. */
function systemdIn(kernel: RecordingCgroups, path: (unit: string) => string) {
  const asked: string[] = [];
  const units = {
    start: async (slice: string) => {
      asked.push(`start ${slice}`);
      kernel.groups.set(path(slice), []);
    },
    stop: async (unit: string) => {
      asked.push(`stop ${unit}`);
      kernel.groups.delete(path(unit));
    },
    liftCpuQuota: async (unit: string) => void asked.push(`lift ${unit}`),
  };
  return { asked, cgroups: systemdCgroups(kernel, units) };
}

test("slices are started and stopped by systemd, scopes left to end; what lies in them is made by hand", async () => {
  const kernel = new RecordingCgroups();
  const { asked, cgroups } = systemdIn(kernel, (unit) => `/a.slice/${unit}`);
  await cgroups.create("/a.slice/a-b.slice");
  kernel.groups.set("/a.slice/c.scope", []).set("/a.slice/c.scope/one", []).set("/a.slice/d.scope", []);
  await cgroups.remove("/a.slice/c.scope/one", 0);
  assert.ok(!kernel.groups.has("/a.slice/c.scope/one"));
  setTimeout(() => kernel.groups.delete("/a.slice/c.scope"), 5);
  await cgroups.remove("/a.slice/c.scope", 10_000);
  assert.deepEqual(asked, ["start a-b.slice"], "it ended by itself");
  await cgroups.liftCpuQuota("/a.slice/a-b.slice");
  assert.equal(asked.pop(), "lift a-b.slice");
  await cgroups.remove("/a.slice/d.scope", 0);
  await cgroups.remove("/a.slice/a-b.slice", 0);
  await cgroups.remove("/a.slice/a-b.slice", 0);
  assert.deepEqual(asked, ["start a-b.slice", "stop d.scope", "stop a-b.slice"]);
});
