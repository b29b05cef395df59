import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { CdiEdits } from "../../spec/cdi/format.ts";
import { buildOciConfig } from "./build.ts";
import { exampleInput, exampleMount } from "./testing/example.ts";

const none: CdiEdits = {
  env: [],
  deviceNodes: [],
  netDevices: [],
  hooks: [],
  mounts: [],
  additionalGids: [],
};

function build(edits: Partial<CdiEdits>[], networkDevices = true) {
  const mounts = [{ ...exampleMount, containerPath: "/data/deep" }];
  return buildOciConfig({
    ...exampleInput,
    config: { ...exampleInput.config, mounts },
    runtime: { ...exampleInput.runtime, networkDevices },
    found: {
      ...exampleInput.found,
      mounts: [{ source: "/srv/data", propagation: "private", mountPoint: "/" }],
      cdi: { edits: edits.map((one) => ({ ...none, ...one })), deviceNodes: [] },
    },
  });
}

test("a later mount takes the place of an earlier one, and all are made the less deep ones first", () => {
  const { mounts } = build([
    { mounts: [{ hostPath: "/a", containerPath: "/data/deep/" }] },
    {
      mounts: [
        { hostPath: "/b", containerPath: "/data" },
        { hostPath: "/c", containerPath: "/data/deep", type: "none", options: ["bind"] },
      ],
    },
  ]);
  assert.deepEqual(
    mounts.filter(({ destination }) => destination.startsWith("/data")),
    [
      { destination: "/data", source: "/b" },
      { destination: "/data/deep", source: "/c", type: "none", options: ["bind"] },
    ],
  );
});

test("hooks add up in their order; the last resctrl group counts", () => {
  const config = build([
    { hooks: [{ hookName: "poststop", path: "/one" }], intelRdt: { closID: "bronze" } },
    { hooks: [{ hookName: "poststop", path: "/two", timeout: 3 }], intelRdt: { closID: "gold" } },
  ]);
  assert.deepEqual(config.hooks, { poststop: [{ path: "/one" }, { path: "/two", timeout: 3 }] });
  assert.deepEqual(config.linux.intelRdt, { closID: "gold" });
  assert.equal(config.ociVersion, "1.0.2");
});

test("interfaces move where the runtime can do that, and nowhere else", () => {
  const edits = [{ netDevices: [{ hostInterfaceName: "eth9", name: "fast0" }] }];
  const config = build(edits);
  assert.deepEqual(config.linux.netDevices, { eth9: { name: "fast0" } });
  assert.equal(config.ociVersion, "1.3.0");
  assert.throws(
    () => build(edits, false),
    (error) => isFault(error, "unimplemented") && /moves eth9/.test(error.message),
  );
});
