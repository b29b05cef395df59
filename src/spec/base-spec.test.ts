import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { parseBaseSpec } from "./base-spec.ts";
import { noLimit } from "./oci-json.ts";

test("what is not looked into is kept, RLIM_INFINITY is no limit, and a FIFO needs no numbers", () => {
  const text = `{
    "process": { "rlimits": [{ "type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615 }] },
    "linux": { "devices": [{ "path": "/dev/pipe", "type": "p" }], "personality": { "domain": "LINUX32" } }
  }`;
  assert.deepEqual(parseBaseSpec(text), {
    process: { rlimits: [{ type: "RLIMIT_CORE", soft: 0, hard: noLimit }] },
    linux: {
      devices: [{ path: "/dev/pipe", type: "p", major: 0, minor: 0 }],
      personality: { domain: "LINUX32" },
    },
  });
});

test("what is wrong is told by its field", () => {
  for (const [text, words] of [
    ["{", /is not JSON/],
    ['"text"', /Object/],
    ['{"process":{"env":["A"]}}', /^process\.env\.0: is not of the form NAME=value/],
    ['{"mounts":[{"destination":"proc"}]}', /^mounts\.0\.destination: is not an absolute path/],
    ['{"hooks":{"prestart":[{"path":"tool"}]}}', /^hooks\.prestart\.0\.path: is not an absolute path/],
    ['{"linux":{"devices":[{"path":"/dev/x","type":"c","major":"1"}]}}', /^linux\.devices\.0\.major: /],
    ['{"linux":{"resources":{"memory":{"limit":9223372036854775807}}}}', /^limit: 9223372036854775807 /],
    ['{"linux":{"seccomp":{}}}', /^linux\.seccomp\.defaultAction: is missing/],
  ] as const)
    assert.throws(
      () => parseBaseSpec(text),
      (error) => isFault(error, "corrupt") && words.test(error.message),
      text,
    );
});
