import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { requireNodeNetwork } from "./node-network.ts";

test("a pod that would have no network instead of the node's is refused, with the field and the reason", () => {
  const probe = { handler: "gvisor", nodeNetworkProblem: "it has its own" };
  assert.throws(
    () => requireNodeNetwork({ network: "node" }, probe),
    (error) =>
      isFault(error, "unavailable") &&
      /namespace_options.network: NODE .*"gvisor": it has its own/.test(error.message),
  );
  requireNodeNetwork({ network: "pod" }, probe);
  requireNodeNetwork({ network: "node" }, { handler: "runc" });
});
