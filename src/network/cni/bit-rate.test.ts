import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBitRate } from "./bit-rate.ts";

test("rates are read as Kubernetes writes quantities", () => {
  const rates: [string, number | undefined][] = [
    ["10M", 10_000_000],
    ["1Gi", 2 ** 30],
    ["1.5k", 1500],
    ["2e6", 2_000_000],
    ["1000", 1000],
    ["1P", 1e15],
    ["999", undefined],
    ["2P", undefined],
    ["10Mb", undefined],
    ["-5M", undefined],
    ["", undefined],
    ["1e400", undefined],
  ];
  for (const [text, bits] of rates) assert.equal(parseBitRate(text), bits, text);
});
