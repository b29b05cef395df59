import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "./fault.ts";
import { KeyedLocks } from "./lock.ts";

const never = new AbortController().signal;

test("a lock is granted in the order in which it was asked for", async () => {
  const locks = new KeyedLocks<string>();
  const order: number[] = [];
  const first = await locks.hold("pod", never);
  const others = [1, 2, 3].map(async (n) => {
    using _held = await locks.hold("pod", never);
    order.push(n);
    await Promise.resolve();
  });
  first[Symbol.dispose]();
  await Promise.all(others);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(locks.held("pod"), false);
});

test("locks of different keys do not wait for each other", async () => {
  const locks = new KeyedLocks<string>();
  using _one = await locks.hold("one", never);
  using _two = await locks.hold("two", never);
  assert.ok(locks.held("one") && locks.held("two"));
});

test("one that gives up waiting leaves the queue as it was", async () => {
  const locks = new KeyedLocks<string>();
  const first = await locks.hold("pod", never);
  const abort = new AbortController();
  const impatient = locks.hold("pod", abort.signal);
  const patient = locks.hold("pod", never);
  abort.abort();
  await assert.rejects(impatient, (error) => isFault(error, "cancelled"));
  first[Symbol.dispose]();
  (await patient)[Symbol.dispose]();
  assert.equal(locks.held("pod"), false);
});

test("a wait that times out is a deadline, and names the key", async () => {
  const locks = new KeyedLocks<string>();
  using _held = await locks.hold("pod 12", never);
  await assert.rejects(locks.hold("pod 12", AbortSignal.timeout(5)), (error) => {
    return isFault(error, "deadline") && error.message.includes("pod 12");
  });
});

test("disposing twice releases once", async () => {
  const locks = new KeyedLocks<string>();
  const first = await locks.hold("pod", never);
  first[Symbol.dispose]();
  const second = await locks.hold("pod", never);
  first[Symbol.dispose]();
  assert.equal(locks.held("pod"), true);
  second[Symbol.dispose]();
});
