import assert from "node:assert/strict";
import { it } from "node:test";
import { expandSlice } from "./slice.ts";

it("expands a slice's name to its path", () => {
  assert.equal(expandSlice("kubepods.slice"), "/kubepods.slice");
  assert.equal(expandSlice("a-b-c_d.slice"), "/a.slice/a-b.slice/a-b-c_d.slice");
  assert.equal(expandSlice("-.slice"), "/");
});

it("refuses what is not a slice", () => {
  for (const name of [
    "",
    ".slice",
    "a",
    "/a.slice",
    "a/b.slice",
    "a--b.slice",
    "-a.slice",
    "a-.slice",
    "a.scope",
  ]) {
    assert.throws(() => expandSlice(name), { kind: "invalid" }, name);
  }
});
