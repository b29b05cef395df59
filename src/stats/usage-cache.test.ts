import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { UsageCache } from "./usage-cache.ts";

it("answers at once with what was counted last, and counts one at a time in the background", async () => {
  let running = 0;
  let most = 0;
  const counted: string[] = [];
  const cache = new UsageCache<string>(async (key) => {
    most = Math.max(most, ++running);
    await sleep(2);
    running--;
    counted.push(key);
    return { bytes: counted.length, inodes: 1 };
  }, 10_000);
  assert.equal(cache.get("a"), undefined);
  assert.equal(cache.get("b"), undefined);
  assert.equal(cache.get("a"), undefined);
  for (const until = Date.now() + 5000; counted.length < 2 && Date.now() < until; ) await sleep(2);
  await sleep(2);
  assert.deepEqual([cache.get("a")?.bytes, cache.get("b")?.bytes], [1, 2]);
  assert.deepEqual(counted, ["a", "b"]);
  assert.equal(most, 1);
  cache.forget("a");
  assert.equal(cache.get("a"), undefined);
});

it("counts again after the interval, and keeps the last when that fails", async () => {
  let times = 0;
  const cache = new UsageCache<string>(async () => {
    if (++times === 2) throw new Error("gone");
    return { bytes: times, inodes: 0 };
  }, 1);
  for (const until = Date.now() + 5000; times < 3 && Date.now() < until; ) {
    const before = cache.get("a");
    if (times === 2) assert.equal(before?.bytes, 1);
    await sleep(3);
  }
  assert.equal(cache.get("a")?.bytes, 3);
});

it("counts what stays the same less and less often, and what changed as often as before", async () => {
  const intervalMs = 40;
  const at: number[] = [];
  let bytes = 1;
  const cache = new UsageCache<string>(async () => {
    at.push(performance.now());
    return { bytes, inodes: 1 };
  }, intervalMs);
  const counts = async (times: number) => {
    for (const until = Date.now() + 10_000; at.length < times && Date.now() < until; await sleep(1))
      cache.get("a");
    const gap = (at.at(-1) ?? 0) - (at.at(-2) ?? 0);
    assert.equal(at.length, times);
    return gap;
  };
  await counts(2);
  assert.ok((await counts(3)) >= 2 * intervalMs - 1);
  assert.ok((await counts(4)) >= 4 * intervalMs - 1);
  assert.ok((await counts(5)) >= 6 * intervalMs - 1);
  bytes = 2;
  await counts(6);
  // Were it still counted less often, none could be shorter than that.
  const gaps = [];
  for (let times = 7; times < 12; times++) {
    bytes++;
    gaps.push(await counts(times));
  }
  assert.ok(Math.min(...gaps) < 6 * intervalMs, `${gaps}`);
});
