import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { Mount } from "../../spec/cri/container-config.ts";
import { requireMappableMounts } from "./mapped-ids.ts";
import { exampleMount } from "./testing/example.ts";

const ids = { hostId: 100_000, containerId: 0, length: 65_536 };
const other = { ...ids, hostId: 200_000 };
const pod = { uids: ids, gids: other };

const check = (mount: Partial<Mount>, users: typeof pod | undefined) =>
  requireMappableMounts({ mounts: [{ ...exampleMount, ...mount }] }, users);

test("mounts have the pod's mappings, or none", () => {
  check({}, undefined);
  check({}, pod);
  check({ uidMappings: [ids], gidMappings: [other] }, pod);
  check({ propagation: "hostToContainer" }, pod);
  check({ propagation: "bidirectional" }, undefined);
});

test("other mappings, some without a user namespace, and mounts that would spread from one are refused", () => {
  const cases: [Partial<Mount>, typeof pod | undefined, RegExp][] = [
    [{ uidMappings: [ids], gidMappings: [other] }, undefined, /mounts\[0\] .* no user namespace/],
    [{ uidMappings: [ids], gidMappings: [ids] }, pod, /mounts\[0\]: .* differ/],
    [{ uidMappings: [ids] }, pod, /differ/],
    [{ uidMappings: [ids, other], gidMappings: [other] }, pod, /differ/],
    [{ propagation: "bidirectional" }, pod, /mounts\[0\]: bidirectional/],
  ];
  for (const [mount, users, message] of cases) {
    assert.throws(
      () => check(mount, users),
      (error) => isFault(error, "invalid") && message.test(error.message),
    );
  }
});
