import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { authKey, authKeysOf, parseAuthFile } from "./auth-file.ts";

test("keys as Docker, containers and their forebears write them", () => {
  for (const [key, meant] of [
    ["https://index.docker.io/v1/", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
    ["https://R.Example:5000/v2/", "r.example:5000"],
    ["r.example/v2/app", "r.example/v2/app"],
    ["r.example/team/", "r.example/team"],
  ] as const)
    assert.equal(authKey(key), meant);
  assert.deepEqual(authKeysOf("docker.io", "a/b/c"), [
    "docker.io/a/b/c",
    "docker.io/a/b",
    "docker.io/a",
    "docker.io",
  ]);
});

test("what is read of a file, and that a mistake in it tells no secret", () => {
  const { auths, helpers, store } = parseAuthFile(
    JSON.stringify({
      auths: { "https://index.docker.io/v1/": { auth: "bWU6cHc=", email: null }, "r.example/a": {} },
      credHelpers: { "E.example": "ecr-login" },
      credsStore: "",
      psFormat: "table",
    }),
  );
  assert.equal(auths.get("docker.io")?.auth, "bWU6cHc=");
  assert.ok(auths.has("r.example/a"));
  assert.deepEqual([...helpers], [["e.example", "ecr-login"]]);
  assert.equal(store, undefined);
  for (const text of [
    "s3cret",
    '{"auths": {"r": {"auth": ["s3cret"]}}}',
    '{"credHelpers": {"r": "../s3cret"}}',
    '{"credsStore": "s3cret/x"}',
    '["s3cret"]',
  ])
    assert.throws(
      () => parseAuthFile(text),
      (error) => isFault(error, "invalid") && !error.message.includes("s3cret"),
      text,
    );
});

test("whatever a file of credentials holds, it is read or a Fault that tells nothing of it", () => {
  const entry = fc.oneof(
    fc.jsonValue(),
    fc.record({ auth: fc.constantFrom("s3cret", "s3cret:\0", 7, null) }),
  );
  const keys = fc.oneof(
    fc.string(),
    fc.constantFrom("__proto__", "r.example/a", "https://", "//", "[::1]:5"),
  );
  const file = fc.record({ auths: fc.dictionary(keys, entry), credHelpers: entry, credsStore: entry });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        file.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        try {
          parseAuthFile(text);
        } catch (error) {
          assert.ok(isFault(error), String(error));
          assert.doesNotMatch(error.message, /s3cret/);
        }
      },
    ),
    { numRuns: 500 },
  );
});
