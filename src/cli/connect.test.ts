import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointOf } from "./connect.ts";

test("which runtime is meant: options, then berth's variables, then crictl's, then the settings", () => {
  const cases: [Parameters<typeof endpointOf>[0], NodeJS.ProcessEnv, string][] = [
    [{ endpoint: "/a" }, { BERTH_ENDPOINT: "/b", BERTH_STATE: "/s" }, "/a"],
    [{}, { BERTH_ENDPOINT: "/b", CONTAINER_RUNTIME_ENDPOINT: "/c", BERTH_STATE: "/s" }, "/b"],
    [{}, { CONTAINER_RUNTIME_ENDPOINT: "unix:///c" }, "unix:///c"],
    [{}, { CONTAINER_RUNTIME_ENDPOINT: "/c", BERTH_STATE: "/s" }, "/s/berth.sock"],
    [{}, { CONTAINER_RUNTIME_ENDPOINT: "", BERTH_ENDPOINT: "", BERTH_STATE: "/s" }, "/s/berth.sock"],
  ];
  for (const [options, env, expected] of cases) assert.equal(endpointOf(options, env), expected);
  assert.throws(() => endpointOf({ config: "/no/such.toml" }, { BERTH_ENDPOINT: "/b" }), {
    kind: "notFound",
  });
});
