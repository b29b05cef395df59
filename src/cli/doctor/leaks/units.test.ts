import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUnits } from "./units.ts";

test("what systemctl shows of several units", () => {
  const shown =
    "Slice=berth-1.slice\nId=berth-2.scope\nActiveState=failed\n\nId=x.slice\nSlice=-.slice\nActiveState=active\n";
  assert.deepEqual(parseUnits(shown), [
    { name: "berth-2.scope", slice: "berth-1.slice", state: "failed" },
    { name: "x.slice", slice: "-.slice", state: "active" },
  ]);
  assert.deepEqual(parseUnits(""), []);
});
