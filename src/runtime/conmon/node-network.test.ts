import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeNetworkProblem } from "./node-network.ts";

test("pods of runsc are in the node's network only where its flag says so", () => {
  const problem = (...args: string[]) => nodeNetworkProblem({ kind: "runsc", args });
  assert.match(problem("--root=/x") ?? "", /networks of their own/);
  assert.match(problem("--network=host", "--network=sandbox") ?? "", /networks of their own/);
  assert.equal(problem("--platform=ptrace", "--network=host"), undefined);
  assert.equal(problem("-network", "host"), undefined);
  assert.equal(nodeNetworkProblem({ kind: "runc", args: [] }), undefined);
});
