import assert from "node:assert/strict";
import { test } from "node:test";
import { note, ok, problem, warning } from "./finding.ts";
import { reportText } from "./report.ts";
import { runChecks } from "./run-checks.ts";

const results = [
  { check: "one", findings: [problem("broken", "it hurts", "mend it"), ok("fine")], isLate: false },
  {
    check: "two",
    findings: [warning("weak", "it may break", "prop it"), note("odd", "so it is")],
    isLate: false,
  },
];

test("a line a finding; then what to do, the worst last; then the sum", () => {
  assert.equal(
    reportText(results, { colours: false }),
    `one
  problem  broken
  ok       fine

two
  warning  weak
  note     odd
           so it is

What to do:

 1. warning, two: weak
    why: it may break
    do:  prop it

 2. problem, one: broken
    why: it hurts
    do:  mend it

1 problem, 1 warning, 1 note, 1 ok
`,
  );
  const well = [{ check: "one", findings: [ok("fine")], isLate: false }];
  assert.equal(
    reportText(well, { colours: false }),
    "one\n  ok       fine\n\nno problems, no warnings, no notes, 1 ok\n",
  );
});

test("colours where they may be shown, and what a program said can't steer the terminal", () => {
  const hostile = [{ check: "one", findings: [problem("a\u001b[2Jb", "c", "d\ne")], isLate: false }];
  const shown = reportText(hostile, { colours: true });
  assert.ok(shown.includes("\u001b[31mproblem\u001b[39m  a?[2Jb"));
  assert.match(shown, /do: {2}d\?e/);
});

test("a check that fails says so, and the others go on", async () => {
  const check = (name: string, look: () => Promise<never[]>) => ({ name, about: "", load: async () => look });
  const found = await runChecks(
    [check("bad", () => Promise.reject(new Error("no such luck"))), check("good", async () => [])],
    {} as Parameters<typeof runChecks>[1],
  );
  assert.deepEqual(
    found.map(({ check, findings }) => [
      check,
      ...findings.map(({ severity, what }) => `${severity} ${what}`),
    ]),
    [["bad", "warning this could not be checked: no such luck"], ["good"]],
  );
});
