import assert from "node:assert/strict";
import { it } from "node:test";
import { CpuRates } from "./cpu-rate.ts";

const second = 1_000_000_000n;
const reading = (at: bigint, usageNanos: bigint) => ({ at, cpu: { usageNanos } });

it("gives nanoseconds of CPU a second, from one reading to the next", () => {
  const rates = new CpuRates<string>();
  assert.equal(rates.rate("a", reading(1000n * second, 5n * second)), undefined);
  assert.equal(rates.rate("a", reading(1010n * second, 10n * second)), second / 2n);
  assert.equal(
    rates.rate("a", reading(1010n * second + 1n, 11n * second)),
    second / 2n,
    "too soon for a new one",
  );
  assert.equal(rates.rate("a", reading(1020n * second, 10n * second)), 0n);
  assert.equal(rates.rate("a", reading(1030n * second, 1n * second)), undefined, "the group was made anew");
  assert.equal(rates.rate("a", reading(1040n * second, 2n * second)), second / 10n);
  assert.equal(rates.rate("b", reading(1040n * second, 2n * second)), undefined);
  assert.equal(rates.rate("a", { at: 1050n * second }), undefined);
});

it("forgets what nobody reads", () => {
  const rates = new CpuRates<string>();
  rates.rate("a", reading(1000n * second, 0n));
  rates.rate("b", reading(3000n * second, 0n));
  assert.equal(rates.rate("a", reading(3001n * second, second)), undefined);
});
