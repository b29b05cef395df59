import assert from "node:assert/strict";
import { test } from "node:test";
import { newPodSandboxId } from "../base/ids.ts";
import { monitorCgroup, newPodCgroups } from "./cgroup.ts";

const id = newPodSandboxId();
type Settings = Parameters<typeof newPodCgroups>[2];

function cgroupsOf(
  driver: Settings["cgroup"]["driver"],
  cgroupParent: string,
  cadvisor: "none" | "crio" = "none",
) {
  const parent = driver === "systemd" ? "berth.slice" : "/berth";
  const config = { cgroup: { driver, parent }, kubelet: { cadvisor, crioSocket: "" } };
  const made = newPodCgroups(id, cgroupParent, config);
  return [made.cgroup, monitorCgroup({ id, ...made })];
}

test("by hand, a pod's monitors are in its own group", () => {
  assert.deepEqual(cgroupsOf("cgroupfs", ""), [`/berth/${id}`, `/berth/${id}/berth-${id}`]);
  const given = "/kubepods/burstable/pod1";
  assert.deepEqual(cgroupsOf("cgroupfs", given), [given, `${given}/berth-${id}`]);
  assert.deepEqual(cgroupsOf("cgroupfs", given, "crio"), [given, `${given}/crio-${id}`]);
});

test("with systemd, pods have slices, and all monitors a scope beside them", () => {
  const monitors = `/berth.slice/berth-monitors.scope/${id}`;
  assert.deepEqual(cgroupsOf("systemd", ""), [`/berth.slice/berth-${id}.slice`, monitors]);
  const slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice";
  for (const given of [slice, "kubepods-burstable-pod1.slice"]) {
    assert.deepEqual(
      cgroupsOf("systemd", given),
      [slice, monitors],
      "as a kubelet gives it, and by its name",
    );
    assert.deepEqual(cgroupsOf("systemd", given, "crio"), [slice, `${slice}/crio-${id}.scope`]);
  }
  assert.throws(() => cgroupsOf("systemd", "/kubepods/pod1"), /cgroup parent "pod1": not a systemd slice/);
});
