import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNumbers, isWithin, numbersOf, parseNumberList, sameNumbers } from "./number-list.ts";

test("lists are read in the kernel's format, and nothing else", () => {
  assert.deepEqual(parseNumberList("7,0-2,3\n"), [
    { first: 0, last: 3 },
    { first: 7, last: 7 },
  ]);
  assert.deepEqual(parseNumberList(""), []);
  for (const text of ["a", "3-1", "1,,2", "-1", "0-", "0x1", "1 2"])
    assert.equal(parseNumberList(text), undefined, text);
});

test("numbers are told one by one, and written as the kernel writes them", () => {
  assert.deepEqual(numbersOf("7,0-2"), [0, 1, 2, 7]);
  assert.equal(numbersOf("x"), undefined);
  assert.equal(formatNumbers([7, 1, 0, 2]), "0-2,7");
  assert.equal(formatNumbers([]), "");
});

test("two texts of the same numbers are the same; what is outside is told", () => {
  assert.ok(sameNumbers("0,1,2", "0-2"));
  assert.ok(!sameNumbers("0-2", "0-3"));
  assert.ok(!sameNumbers("0-2", "none"));
  const within = (inner: string, outer: string) =>
    isWithin(parseNumberList(inner) ?? [], parseNumberList(outer) ?? []);
  assert.ok(within("1,3", "0-3"));
  assert.ok(within("0-4000", "0-1,2-4095"));
  assert.ok(!within("0-7", "0-1"));
});
