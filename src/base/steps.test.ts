import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { waitOutside } from "./outside-time.ts";
import { runSteps, type Step, StepsFailed, type StepTime, type StepWatch, undoSteps } from "./steps.ts";

/** What is on the "host": made by `do`, taken away by `undo`. */
interface Host {
  readonly there: Set<string>;
  readonly undone: string[];
}

interface Plan {
  readonly failDo?: string;
  readonly failUndo?: string;
}

const names = ["first", "second", "third", "fourth"];

function steps(plan: Plan): Step<Plan, Host>[] {
  return names.map((name) => ({
    name,
    async do(_plan, host) {
      host.there.add(name);
      if (plan.failDo === name) throw new Error(`do ${name}`);
    },
    async undo(_plan, host) {
      host.undone.push(name);
      if (plan.failUndo === name) throw new Error(`undo ${name}`);
      host.there.delete(name);
    },
  }));
}

const watch: StepWatch = { operation: "Test", faults: { at() {} }, undoDeadline: 1000, stepDone() {} };
const never = new AbortController().signal;

describe("every pair of a failing step and a failing undo", () => {
  for (const failDo of names) {
    for (const failUndo of [undefined, ...names]) {
      test(`step ${failDo} fails, undo ${failUndo ?? "of none"} fails`, async () => {
        const host: Host = { there: new Set(), undone: [] };
        const plan: Plan = failUndo === undefined ? { failDo } : { failDo, failUndo };
        const failed = await runSteps(steps(plan), plan, host, watch, never).catch((error: unknown) => error);
        assert.ok(failed instanceof StepsFailed);
        assert.equal(failed.step, failDo);
        const reached = names.slice(0, names.indexOf(failDo) + 1);
        if (failUndo === undefined || !reached.includes(failUndo)) {
          assert.equal(failed.stranded, undefined);
          assert.deepEqual([...host.there], []);
          return;
        }
        assert.equal(failed.stranded?.step, failUndo);
        assert.deepEqual(
          [...host.there],
          names.slice(0, names.indexOf(failUndo) + 1),
          "what lies below stays",
        );
        assert.equal(await undoSteps(steps({}), plan, host, watch), undefined, "a later undo finishes");
        assert.deepEqual([...host.there], []);
      });
    }
  }
});

test("an abort between two steps undoes the steps before", async () => {
  const host: Host = { there: new Set(), undone: [] };
  const abort = new AbortController();
  const aborting: StepWatch = { ...watch, stepDone: ({ step }) => void (step === "second" && abort.abort()) };
  const failed = await runSteps(steps({}), {}, host, aborting, abort.signal).catch((error: unknown) => error);
  assert.ok(failed instanceof StepsFailed);
  assert.equal(failed.step, "third");
  assert.deepEqual([...host.there], []);
});

test("each step's time is told in order", async () => {
  const told: string[] = [];
  const telling: StepWatch = {
    ...watch,
    stepDone({ step, ms }) {
      told.push(step);
      assert.ok(ms >= 0);
    },
  };
  await runSteps(steps({}), {}, { there: new Set<string>(), undone: [] }, telling, never);
  assert.deepEqual(told, names);
});

test("a step's time tells how much of it went by outside", async () => {
  const times: StepTime[] = [];
  const telling: StepWatch = { ...watch, stepDone: (time) => void times.push(time) };
  const waiting: Step<object, object>[] = [
    { name: "alone", async do() {}, async undo() {} },
    {
      name: "waits",
      async do() {
        await waitOutside(sleep(15));
        await sleep(5);
        await waitOutside(sleep(15));
      },
      async undo() {},
    },
  ];
  await runSteps(waiting, {}, {}, telling, never);
  const [alone, waits] = times;
  assert.equal(alone?.outside, undefined);
  assert.ok((waits?.outside ?? 0) >= 28, "both waits");
  assert.ok((waits?.outside ?? 0) < (waits?.ms ?? 0) - 4, "and not what lies between them");
});
