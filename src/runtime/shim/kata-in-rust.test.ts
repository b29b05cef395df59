import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeNetworkProblem, sandboxerProblem } from "./kata-in-rust.ts";

const inRust =
  "Kata Containers containerd shim (Rust): id: io.containerd.kata.v2, version: 4.1.0, commit: unknown";
const others = [
  'Kata Containers containerd shim (Golang): id: "io.containerd.kata.v2", version: 4.1.0',
  "containerd-shim-runsc-v1 release-20260921.0",
  "",
];

test("of the shims that say what they are, Kata's in Rust alone can't have pods in the node's network", () => {
  assert.match(nodeNetworkProblem(inRust) ?? "", /the node's interfaces/);
  for (const version of others) assert.equal(nodeNetworkProblem(version), undefined);
});

test("Kata's in Rust has to make its sandboxes by itself", () => {
  for (const sandboxer of ["podsandbox", undefined] as const) {
    assert.match(sandboxerProblem(inRust, sandboxer) ?? "", /sandboxer = "shim".*volumes/);
    for (const version of others) assert.equal(sandboxerProblem(version, sandboxer), undefined);
  }
  assert.equal(sandboxerProblem(inRust, "shim"), undefined);
});
