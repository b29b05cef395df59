import assert from "node:assert/strict";
import { it } from "node:test";
import { expandSlice, slicePath, unitBelow } from "./slice.ts";

it("expands a slice's name to its path", () => {
  assert.equal(expandSlice("kubepods.slice"), "/kubepods.slice");
  assert.equal(expandSlice("a-b-c_d.slice"), "/a.slice/a-b.slice/a-b-c_d.slice");
  assert.equal(expandSlice("-.slice"), "/");
});

it("takes a slice by its path for the last part of it, and names what is below one", () => {
  assert.equal(slicePath("/a.slice/a-b.slice"), "/a.slice/a-b.slice");
  assert.equal(slicePath("a-b.slice"), "/a.slice/a-b.slice");
  assert.equal(unitBelow("a-b.slice", "c.slice"), "a-b-c.slice");
  assert.equal(unitBelow("-.slice", "c.scope"), "c.scope");
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
