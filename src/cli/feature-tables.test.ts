import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusResponse } from "../wire/gen/runtime.v1.ts";
import { featureTables, lackingFeatures } from "./feature-tables.ts";

test("features are shown by handler and for all; of a runtime that tells none, none", () => {
  const [handlers = "", all = ""] = featureTables(
    StatusResponse.create({
      runtimeHandlers: [{ name: "", features: { recursiveReadOnlyMounts: true } }, { name: "runc" }],
      features: { supplementalGroupsPolicy: true },
    }),
  );
  assert.match(handlers, /^\(default\) +yes +no$/m);
  assert.match(handlers, /^runc +no +no$/m);
  assert.match(all, /^supplemental groups policy +yes$/m);
  assert.match(all, /^mount options +no$/m);
  assert.deepEqual(featureTables(StatusResponse.create()), []);
});

test("why a handler lacks a feature is read from what berth tells; anything else tells nothing", () => {
  const handlers = [
    { handler: "crun", recursiveReadOnlyProblem: "too old", userNamespaceProblem: "no subids" },
    { handler: "runc", userNamespaceProblem: null },
    "odd",
  ];
  assert.deepEqual(lackingFeatures({ handlers }), [
    { handler: "crun", feature: "recursive read-only mounts", why: "too old" },
    { handler: "crun", feature: "user namespaces", why: "no subids" },
  ]);
  for (const other of [undefined, null, "text", {}, { handlers: 5 }])
    assert.deepEqual(lackingFeatures(other), []);
});
