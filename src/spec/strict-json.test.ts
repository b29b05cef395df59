import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStrictJson } from "./strict-json.ts";

test("a key that is there twice is refused, with its place", () => {
  for (const [text, why] of [
    ['{"a":1,"a":2}', /key "a" is there twice$/],
    ['{"a":[0,{"b":1,"c":{},"b":2}]}', /key "b" is there twice in a\[1\]/],
    ['{"t":{"quay.io/x":{"y":1,"\\u0079":2}}}', /key "y" is there twice in t\["quay\.io\/x"\]/],
    ['{"a":"}","b":{"c":[],"c":[]}}', /key "c" is there twice in b/],
    ['{"a":1,}', /JSON/],
  ] as const) {
    assert.throws(() => parseStrictJson(text), { name: "SyntaxError", message: why }, text);
  }
});

test("whatever has each key once is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => assert.deepEqual(parseStrictJson(text), JSON.parse(text))),
    { numRuns: 300 },
  );
});
