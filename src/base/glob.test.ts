import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesAny, parseGlob } from "./glob.ts";

test("patterns are Go's path.Match", () => {
  const fits = (pattern: string, text: string) => matchesAny([pattern], text);
  assert.ok(fits("io.katacontainers.*", "io.katacontainers.config.hypervisor.default_vcpus"));
  assert.ok(fits("example.org/*", "example.org/note"));
  for (const text of ["example.org/a/b", "an.example.org/note", "example.org/note/"])
    assert.ok(!fits("example.org/*", text), text);
  assert.ok(fits("a?c", "abc") && !fits("a?c", "a/c") && !fits("a?c", "ac"));
  assert.ok(fits("[a-c]x", "bx") && !fits("[^a-c]x", "bx") && fits("[]x", "x") === false);
  assert.ok(fits("a.b", "a.b") && !fits("a.b", "aXb"));
  assert.ok(fits("\\*", "*") && !fits("\\*", "x"));
  assert.ok(fits("[[]", "["));
  for (const bad of ["[", "[]", "a\\", "[z-a]"]) assert.equal(parseGlob(bad), undefined, bad);
});
