import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { deadlineIn, throwIfEnded } from "./deadline.ts";
import { isFault } from "./fault.ts";

const aborted = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));

test("a deadline that passes is told from a cancellation", async () => {
  using late = deadlineIn(5);
  // An unref'd timer alone does not keep the process.
  using _awake = keptAwake();
  await aborted(late.signal);
  assert.throws(
    () => throwIfEnded(late.signal, "waiting"),
    (error) => isFault(error, "deadline"),
  );
  const caller = new AbortController();
  using cancelled = deadlineIn(60_000, caller.signal);
  caller.abort();
  assert.throws(
    () => throwIfEnded(cancelled.signal, "waiting"),
    (error) => isFault(error, "cancelled"),
  );
  using tooLate = deadlineIn(60_000, caller.signal);
  assert.ok(tooLate.signal.aborted, "the caller had left before");
});

test("a deadline that is disposed of leaves nothing behind and never aborts", async () => {
  const caller = new AbortController();
  const ended = deadlineIn(1, caller.signal);
  ended[Symbol.dispose]();
  assert.deepEqual(getEventListeners(caller.signal, "abort"), []);
  await new Promise((resolve) => setTimeout(resolve, 10));
  caller.abort();
  assert.ok(!ended.signal.aborted);
});

function keptAwake(): Disposable {
  const timer = setInterval(() => undefined, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
