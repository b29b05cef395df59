import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCdiName } from "./name.ts";
import { parseCdiSpec } from "./parse.ts";

const device = { name: "one", containerEdits: { env: ["ONE=1"] } };
const spec = (changes: object) => ({
  cdiVersion: "0.5.0",
  kind: "vendor.com/class",
  devices: [device],
  ...changes,
});
const editing = (containerEdits: object, cdiVersion = "1.1.0") => spec({ cdiVersion, containerEdits });

test("a file is read with every edit; what is not there is empty", () => {
  const containerEdits = {
    env: ["A=b=c"],
    deviceNodes: [{ path: "/dev/x", type: "c", major: 1, minor: 5, fileMode: 0o666, permissions: "rw" }],
    netDevices: [{ hostInterfaceName: "eth9", name: "fast0" }],
    hooks: [{ hookName: "createContainer", path: "/bin/true", args: ["true"], timeout: 5 }],
    mounts: [{ hostPath: "/lib/x", containerPath: "/x", options: ["ro", "rbind"] }],
    intelRdt: { closID: "gold", schemata: ["L3:0=f"], enableMonitoring: true },
    additionalGids: [44],
  };
  assert.deepEqual(parseCdiSpec(editing(containerEdits)).containerEdits, containerEdits);
  const plain = parseCdiSpec(spec({ devices: [{ name: 0, containerEdits: { env: ["A=1"] } }] }));
  assert.equal(plain.devices[0]?.name, "0", "YAML's number is a text where one belongs");
  assert.deepEqual(plain.containerEdits.mounts, []);
});

test("what is wrong is named", () => {
  const cases: [unknown, RegExp][] = [
    [null, /is not Object/],
    [spec({ extra: 1 }), /extra: is not known/],
    [editing({ deviceNode: [] }), /containerEdits.deviceNode: is not known/],
    [spec({ kind: "vendor" }), /kind: is not of the form/],
    [spec({ kind: "vendor.com/a/b" }), /kind/],
    [spec({ devices: [] }), /devices: has no device/],
    [spec({ devices: [device, device] }), /"one" is there twice/],
    [spec({ devices: [{ name: "-x", containerEdits: device.containerEdits }] }), /devices.0.name/],
    [spec({ devices: [{ name: "x", containerEdits: {} }] }), /"x" has no containerEdits/],
    [editing({ env: ["=1"] }), /env.0: is not of the form NAME=value/],
    [editing({ deviceNodes: [{ path: "" }] }), /deviceNodes.0.path: is empty/],
    [editing({ deviceNodes: [{ path: "/x", type: "d" }] }), /deviceNodes.0.type/],
    [editing({ deviceNodes: [{ path: "/x", permissions: "rx" }] }), /permissions/],
    [editing({ hooks: [{ hookName: "later", path: "/x" }] }), /hookName/],
    [editing({ hooks: [{ hookName: "poststop", path: "x" }] }), /path: is not an absolute/],
    [editing({ hooks: [{ hookName: "poststop", path: "/x", timeout: 0 }] }), /timeout/],
    [editing({ mounts: [{ hostPath: "/x" }] }), /containerPath: is missing/],
    [editing({ intelRdt: { closID: ".." } }), /closID/],
    [editing({ intelRdt: { enableCMT: true } }), /enableCMT: is not known/],
    [
      editing({
        netDevices: [
          { hostInterfaceName: "a", name: "x" },
          { hostInterfaceName: "b", name: "x" },
        ],
      }),
      /name "x" is there twice/,
    ],
    [spec({ cdiVersion: "2.0.0" }), /no version "2.0.0".*1\.1\.0/],
  ];
  for (const [document, message] of cases)
    assert.throws(() => parseCdiSpec(document), { kind: "corrupt", message }, JSON.stringify(document));
});

test("what is newer than the version that a file says is refused", () => {
  const cases: [object, string][] = [
    [editing({ netDevices: [{ hostInterfaceName: "a", name: "x" }] }, "1.0.0"), "1.1.0"],
    [editing({ intelRdt: { schemata: [] } }, "1.0.0"), "1.1.0"],
    [editing({ intelRdt: { closID: "a" } }, "0.6.0"), "0.7.0"],
    [editing({ additionalGids: [1] }, "0.6.0"), "0.7.0"],
    [spec({ annotations: { a: "b" } }), "0.6.0"],
    [spec({ kind: "vendor.com/a.b" }), "0.6.0"],
    [spec({ cdiVersion: "0.4.0", devices: [{ ...device, name: "0" }] }), "0.5.0"],
    [editing({ deviceNodes: [{ path: "/x", hostPath: "/y" }] }, "0.4.0"), "0.5.0"],
    [editing({ mounts: [{ hostPath: "/x", containerPath: "/y", type: "bind" }] }, "0.3.0"), "0.4.0"],
  ];
  for (const [document, since] of cases) {
    const message = new RegExp(`came with ${since.replaceAll(".", "\\.")}$`);
    assert.throws(() => parseCdiSpec(document), { kind: "corrupt", message }, JSON.stringify(document));
    assert.doesNotThrow(() => parseCdiSpec({ ...document, cdiVersion: since }), since);
  }
});

test("full names", () => {
  assert.deepEqual(parseCdiName("vendor.com/gpu=0:1"), { kind: "vendor.com/gpu", device: "0:1" });
  for (const name of [
    "",
    "gpu=0",
    "vendor.com/gpu",
    "vendor.com/gpu=",
    "vendor.com/gpu=a b",
    "1v/c=x",
    "v/c/d=x",
  ])
    assert.equal(parseCdiName(name), undefined, name);
});
