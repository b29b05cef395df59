import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeRecord, encodeRecord } from "./json.ts";

const text = fc.oneof(
  fc.string(),
  fc.string().map((rest) => `\u0001${rest}`),
  fc.string({ unit: "binary" }),
);

const { record } = fc.letrec((tie) => ({
  record: fc.oneof(
    { depthSize: "small" },
    text,
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
    fc.array(tie("record")),
    fc.dictionary(text, tie("record"), { noNullPrototype: true }),
  ),
}));

test("a record comes back as it was, whatever its strings look like", () => {
  fc.assert(
    fc.property(record, (value) => {
      assert.deepEqual(decodeRecord(encodeRecord(value)), value);
    }),
  );
});

test("what JSON would change silently is refused", () => {
  for (const value of [undefined, { at: Number.NaN }, { when: new Map() }, { bytes: new Uint8Array(1) }]) {
    assert.throws(() => encodeRecord(value), { name: "Fault", kind: "internal" });
  }
  assert.throws(() => encodeRecord({ made: new Date(0) }), /a Date/);
});

test("a mark that no bigint follows is refused", () => {
  assert.throws(() => decodeRecord('"\\u0001 12"'), SyntaxError);
});

test("a key that is the prototype's name is a key like any other", () => {
  const value: unknown = JSON.parse(
    '{"__proto__": "\\u0001a label", "labels": {"__proto__": {"at": "\\u0001"}}}',
  );
  assert.deepEqual(decodeRecord(encodeRecord(value)), value);
});
