import assert from "node:assert/strict";
import { test } from "node:test";
import { noLimit, ociJson } from "./oci-json.ts";

test("no limit is written as the number that C has for it, and read again as none", () => {
  const document = {
    rlimits: [{ type: "RLIMIT_CORE", soft: 0, hard: noLimit }],
    env: ['X="hard":18446744073709552000}'],
  };
  const text = ociJson(document);
  assert.match(text, /"soft":0,"hard":18446744073709551615\}/);
  assert.deepEqual(JSON.parse(text), document);
});
