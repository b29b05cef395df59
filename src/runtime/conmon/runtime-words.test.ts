import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsOf } from "./runtime-words.ts";

test("errors are picked out of what a runtime writes", () => {
  const output = [
    '{"level":"warning","msg":"signal: killed"}',
    '{"level":"error","msg":"runc create failed: no such file\\n"}',
    '{"msg":"fail startup","level":"error","time":"2026-01-01T00:00:00Z"}',
    '{"msg":"fail startup","level":"error"}',
    "plain words",
    '{"half',
    "",
  ].join("\n");
  assert.equal(wordsOf(output), 'runc create failed: no such file; fail startup; plain words; {"half');
});

test("what a runtime writes is bounded", () => {
  assert.ok(wordsOf("x".repeat(100_000)).length <= 2000);
  assert.equal(wordsOf(""), "");
  assert.equal(wordsOf("null\n{}"), "null; {}");
});
