import assert from "node:assert/strict";
import { it } from "node:test";
import { CpuRates } from "./cpu-rate.ts";

const second = 1_000_000_000n;
const reading = (usageNanos: bigint) => ({ cpu: { usageNanos } });

it("gives nanoseconds of CPU a second, from one reading to the next", () => {
  const rates = new CpuRates<string>();
  assert.equal(rates.rate("a", reading(5n * second), 1000n * second), undefined);
  assert.equal(rates.rate("a", reading(10n * second), 1010n * second), second / 2n);
  assert.equal(
    rates.rate("a", reading(11n * second), 1010n * second + 1n),
    second / 2n,
    "too soon for a new one",
  );
  assert.equal(rates.rate("a", reading(10n * second), 1020n * second), 0n);
  assert.equal(rates.rate("a", reading(1n * second), 1030n * second), undefined, "the group was made anew");
  assert.equal(rates.rate("a", reading(2n * second), 1040n * second), second / 10n);
  assert.equal(rates.rate("b", reading(2n * second), 1040n * second), undefined);
  assert.equal(rates.rate("a", {}, 1050n * second), undefined);
});

it("forgets what nobody reads", () => {
  const rates = new CpuRates<string>();
  rates.rate("a", reading(0n), 1000n * second);
  rates.rate("b", reading(0n), 3000n * second);
  assert.equal(rates.rate("a", reading(second), 3001n * second), undefined);
});
