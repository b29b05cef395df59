import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFault, during, Fault, faultKind } from "./fault.ts";
import { findByPrefix } from "./prefix.ts";
import { nowNanos } from "./units.ts";

test("an error tells the whole story in order, and what to do", () => {
  const said = new Error("bridge: exit 1");
  const fault = during(
    "running pod a/b",
    new Fault("unavailable", "network step failed", { cause: said, hint: "check the plugin" }),
  );
  assert.equal(fault.kind, "unavailable");
  assert.equal(
    describeFault(fault),
    "running pod a/b: network step failed: bridge: exit 1 (check the plugin)",
  );
});

test("the kind comes from the nearest fault among the causes", () => {
  assert.equal(faultKind(new Error("outer", { cause: new Fault("exhausted", "disk full") })), "exhausted");
  assert.equal(faultKind(new DOMException("late", "TimeoutError")), "deadline");
  assert.equal(faultKind("text"), "internal");
});

test("a short id finds its one object, and an ambiguous one names what it could be", () => {
  const ids = ["abc1", "abc2", "def1"].map((id) => ({ id: id.padEnd(64, "0") }));
  const find = (id: string) =>
    findByPrefix(
      "container",
      id,
      (exact) => ids.find((object) => object.id === exact),
      () => ids,
    );
  assert.equal(find("def")?.id, ids[2]?.id);
  assert.equal(find("xyz"), undefined);
  assert.throws(() => find("abc"), /could be any of 2 container ids: abc10000000, abc20000000/);
  assert.throws(() => find(""), /id is empty/);
});

test("no two moments are the same", () => {
  let last = 0n;
  for (let i = 0; i < 1000; i++) {
    const now = nowNanos();
    assert.ok(now > last);
    last = now;
  }
});
