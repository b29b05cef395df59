import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "./fault.ts";
import { isFoundIn, parseGoRegExp } from "./guarded-regexp.ts";

test("expressions are read as Go and POSIX write them", () => {
  const found = (source: string, text: string) => isFoundIn(parseGoRegExp(source), text);
  assert.ok(found("^com\\.example\\.department$", "com.example.department"));
  assert.ok(found(".*fluid-dynamics$", "aero and fluid-dynamics"));
  assert.ok(found("(?i)^[[:alpha:]_]+$", "Ab_c") && !found("^[[:digit:]]+$", "1a"));
  assert.ok(found("\\A(?P<name>a+)\\z", "aaa"));
  assert.ok(found("^[[:punct:]]$", "]") && found("^[[:punct:]]$", "\\") && !found("^[[:punct:]]$", "a"));
  for (const bad of ["(", "[a", "a{2,1}"]) assert.throws(() => parseGoRegExp(bad), SyntaxError);
});

test("one that takes too long on a text is given up, and the next one goes on", () => {
  const text = `${"a".repeat(60)}b`;
  assert.throws(
    () => isFoundIn(parseGoRegExp("(a+)+$"), text),
    (error) => isFault(error, "exhausted"),
  );
  assert.ok(isFoundIn(parseGoRegExp("b$"), text));
});
