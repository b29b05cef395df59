import assert from "node:assert/strict";
import { test } from "node:test";
import { waitFor } from "./deadline.ts";
import { isFault } from "./fault.ts";
import { Flights } from "./flights.ts";

test("callers of one key share one operation", async () => {
  const flights = new Flights<string, number>();
  let runs = 0;
  const work = async () => ++runs;
  const results = await Promise.all([1, 2, 3].map(() => flights.join("pod", "pod", 1000, work)));
  assert.deepEqual(results, [1, 1, 1]);
  assert.equal(await flights.join("pod", "pod", 1000, work), 2, "a later call is a new operation");
});

test("a caller that leaves does not end the operation", async () => {
  const flights = new Flights<string, string>();
  const gate = Promise.withResolvers<string>();
  const running = flights.join("pod", "pod", 1000, () => gate.promise);
  await assert.rejects(waitFor(running, AbortSignal.abort(), "running"), (error) =>
    isFault(error, "cancelled"),
  );
  gate.resolve("up");
  assert.equal(await flights.join("pod", "pod", 1000, () => Promise.resolve("another")), "up");
});

test("abort tells the operation, and waits until it has ended", async () => {
  const flights = new Flights<string, void>();
  let ended = false;
  const running = flights.join("pod", "pod", 1000, async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    ended = true;
    throw signal.reason;
  });
  await flights.abort("pod", "being stopped");
  assert.equal(ended, true);
  await assert.rejects(running, /being stopped/);
  assert.equal(flights.get("pod"), undefined);
});

test("an operation ends at its own deadline", async () => {
  const flights = new Flights<string, void>();
  const running = flights.join(
    "pod",
    "pod",
    5,
    (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );
  await assert.rejects(running, { name: "TimeoutError" });
});
