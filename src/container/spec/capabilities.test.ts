import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import type { Capabilities } from "../../spec/cri/container-config.ts";
import { type CapabilityRequest, capabilityNames, processCapabilities } from "./capabilities.ts";

const held = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"];
const none: Capabilities = { add: [], drop: [], addAmbient: [] };
const sets = (wanted: Partial<Capabilities>, changes: Partial<CapabilityRequest> = {}) =>
  processCapabilities({
    wanted: { ...none, ...wanted },
    privileged: false,
    defaults: ["CAP_CHOWN", "CAP_KILL"],
    inheritable: false,
    held,
    ...changes,
  });

test("capabilities are added to and dropped from the default ones", () => {
  const cases: [Partial<Capabilities>, string[]][] = [
    [{}, ["CAP_CHOWN", "CAP_KILL"]],
    [{ add: ["NET_ADMIN"] }, ["CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN"]],
    [{ add: ["cap_net_admin"], drop: ["CHOWN"] }, ["CAP_KILL", "CAP_NET_ADMIN"]],
    [{ add: ["ALL"] }, held],
    [{ add: ["all"], drop: ["KILL"] }, ["CAP_CHOWN", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"]],
    [{ drop: ["ALL"] }, []],
    [{ drop: ["ALL"], add: ["KILL"] }, ["CAP_KILL"]],
    [{ add: ["SYS_TIME"] }, ["CAP_CHOWN", "CAP_KILL"]],
    [{ add: ["NET_ADMIN"], drop: ["NET_ADMIN"] }, ["CAP_CHOWN", "CAP_KILL"]],
  ];
  for (const [wanted, expected] of cases) {
    const { bounding, effective, permitted, inheritable, ambient } = sets(wanted);
    assert.deepEqual(bounding, expected, JSON.stringify(wanted));
    assert.deepEqual([effective, permitted], [expected, expected]);
    assert.deepEqual([inheritable, ambient], [[], []]);
  }
});

test("ambient capabilities are in every set, as the kernel wants it", () => {
  const { bounding, permitted, inheritable, ambient } = sets({ drop: ["ALL"], addAmbient: ["NET_ADMIN"] });
  for (const set of [bounding, permitted, inheritable, ambient]) assert.deepEqual(set, ["CAP_NET_ADMIN"]);
});

test("privileged containers have all that the daemon holds", () => {
  assert.deepEqual(sets({ drop: ["ALL"] }, { privileged: true }).bounding, held);
});

test("what is no capability is refused by name", () => {
  const isNamed = (error: unknown) => isFault(error, "invalid") && error.message.includes('"FLYING"');
  for (const wanted of [{ add: ["FLYING"] }, { drop: ["FLYING"] }, { addAmbient: ["FLYING"] }]) {
    assert.throws(() => sets(wanted), isNamed);
  }
});

test("no request gives what the daemon doesn't hold, or ambient ones that aren't permitted", () => {
  const names = fc.array(fc.constantFrom("ALL", ...capabilityNames));
  fc.assert(
    fc.property(names, names, names, fc.boolean(), (add, drop, addAmbient, privileged) => {
      const { bounding, permitted, inheritable, ambient } = sets({ add, drop, addAmbient }, { privileged });
      assert.ok(bounding.every((name) => held.includes(name)));
      assert.ok(ambient.every((name) => permitted.includes(name) && inheritable.includes(name)));
    }),
  );
});
