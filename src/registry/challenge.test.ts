import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChallenges } from "./challenge.ts";

function read(header: string): unknown {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

test("challenges as registries send them", () => {
  const bearer =
    'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"';
  const parsed = [
    "bearer",
    { realm: "https://auth.example/token", service: "registry.example", scope: "repository:a/b:pull,push" },
  ];
  assert.deepEqual(read(bearer), [parsed]);
  assert.deepEqual(read(`Basic realm="x", ${bearer}`), [["basic", { realm: "x" }], parsed]);
  assert.deepEqual(read(`${bearer}, Basic`), [parsed, ["basic", {}]]);
  assert.deepEqual(read("Negotiate abc==, BASIC Realm=x"), [
    ["negotiate", {}],
    ["basic", { realm: "x" }],
  ]);
  assert.deepEqual(read('Bearer realm = "a\\"b" , error="invalid_token"'), [
    ["bearer", { realm: 'a"b', error: "invalid_token" }],
  ]);
  assert.deepEqual(read(""), []);
});

test("what breaks the grammar is not guessed at", () => {
  for (const bad of [
    'Bearer realm="x',
    'Bearer realm="a",realm="b"',
    'Bearer realm="a"x',
    "=",
    '"x"',
    'Bearer realm="a\nb"',
  ]) {
    assert.deepEqual(read(bad), [], bad);
  }
  assert.deepEqual(read(`Basic realm="x", Bearer realm="${"a".repeat(20_000)}"`), []);
});

test("any header ends in a list, soon", () => {
  const piece = fc.constantFrom("Bearer", " ", ",", "=", '"', "\\", "realm", "x", "\t", "==", 'a="b"');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 60 }).map((parts) => parts.join("")),
      ),
      (header) => {
        assert.ok(Array.isArray(parseChallenges(header)));
      },
    ),
    { numRuns: 2000 },
  );
});
