import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGoRegExp } from "./linear-regexp.ts";

test("expressions are read as Go and POSIX write them", () => {
  const found = (source: string, text: string) => parseGoRegExp(source).test(text);
  assert.ok(found("^com\\.example\\.department$", "com.example.department"));
  assert.ok(found(".*fluid-dynamics$", "aero and fluid-dynamics"));
  assert.ok(found("(?i)^[[:alpha:]_]+$", "Ab_c") && !found("^[[:digit:]]+$", "1a"));
  assert.ok(found("\\A(?P<name>a+)\\z", "aaa"));
  assert.ok(found("^[[:punct:]]$", "]") && found("^[[:punct:]]$", "\\") && !found("^[[:punct:]]$", "a"));
  for (const bad of ["(", "[a", "a{2,1}", "(?=a)", "(a)\\1"])
    assert.throws(() => parseGoRegExp(bad), SyntaxError, bad);
});

test("no text makes one take for ever", () => {
  // An engine that backs up would take 2^60 steps.
  assert.equal(parseGoRegExp("(a+)+$").test(`${"a".repeat(60)}b`), false);
});
