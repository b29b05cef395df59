import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeNetworkProblem } from "./node-network.ts";

test("of the shims that say what they are, Kata's in Rust alone can't have pods in the node's network", () => {
  const inRust =
    "Kata Containers containerd shim (Rust): id: io.containerd.kata.v2, version: 4.1.0, commit: unknown";
  assert.match(nodeNetworkProblem(inRust) ?? "", /the node's interfaces/);
  const inGo = 'Kata Containers containerd shim (Golang): id: "io.containerd.kata.v2", version: 4.1.0';
  for (const version of [inGo, "containerd-shim-runsc-v1 release-20260921.0", ""])
    assert.equal(nodeNetworkProblem(version), undefined);
});
