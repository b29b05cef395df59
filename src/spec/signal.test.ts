import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { parseSignal } from "./signal.ts";

test("signals are read by name and number", () => {
  const cases: [string, string, number][] = [
    ["SIGTERM", "SIGTERM", 15],
    ["term", "SIGTERM", 15],
    ["9", "SIGKILL", 9],
    ["SIGQUIT", "SIGQUIT", 3],
    ["SIGIOT", "SIGABRT", 6],
    ["SIGCLD", "SIGCHLD", 17],
    ["SIGPOLL", "SIGIO", 29],
    ["SIGRTMIN", "SIGRTMIN", 34],
    ["RTMIN+3", "SIGRTMIN+3", 37],
    ["SIGRTMIN+30", "SIGRTMAX", 64],
    ["SIGRTMIN+15", "SIGRTMIN+15", 49],
    ["50", "SIGRTMAX-14", 50],
    ["SIGRTMAX", "SIGRTMAX", 64],
    ["SIGRTMAX-30", "SIGRTMIN", 34],
    ["37", "SIGRTMIN+3", 37],
  ];
  for (const [text, name, number] of cases) assert.deepEqual(parseSignal(text), { name, number }, text);
});

test("what is no signal is refused", () => {
  for (const text of [
    "",
    "SIG",
    "0",
    "65",
    "32",
    "33",
    "SIGRTMIN+31",
    "SIGRTMAX-31",
    "SIGRTMIN-1",
    "-9",
    "1e1",
  ]) {
    assert.throws(
      () => parseSignal(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  }
});

test("names come out in one form that is read back", () => {
  const numbers = new Set(Object.values(constants.signals));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), (number) => {
      fc.pre(numbers.has(number as never) || number >= 34);
      const signal = parseSignal(String(number));
      assert.equal(signal.number, number);
      assert.deepEqual(parseSignal(signal.name), signal);
    }),
  );
});
