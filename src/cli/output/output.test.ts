import assert from "node:assert/strict";
import { test } from "node:test";
import { stateCell } from "./state.ts";
import { table } from "./table.ts";
import { terminalOf } from "./terminal.ts";

const pipe = { colours: false, columns: undefined };

test("a table is aligned, and what steers terminals is shown as ?", () => {
  assert.equal(table(["A", "LONG"], [["wide", "\u001b[2J"]], pipe), "A     LONG\nwide  ?[2J\n");
});

test("colours lie around the words, not around what aligns them", () => {
  const rows = [
    [stateCell("Running"), "x"],
    [stateCell("odd"), ""],
  ];
  assert.equal(
    table(["STATE", "N"], rows, { colours: true, columns: undefined }),
    "\u001b[1mSTATE\u001b[22m    \u001b[1mN\u001b[22m\n\u001b[32mRunning\u001b[39m  x\nodd\n",
  );
});

test("on a terminal the widest columns are cut until a row fits; a pipe gets all of it", () => {
  const rows = [["id", "registry.example/a/long/name", "another-long-name"]];
  const heading = ["A", "B", "C"];
  assert.equal(
    table(heading, rows, pipe).split("\n")[1],
    "id  registry.example/a/long/name  another-long-name",
  );
  const fit = table(heading, rows, { colours: false, columns: 40 }).split("\n");
  assert.equal(fit[1], "id  registry.example…  another-long-name");
  assert.ok(fit.every((line) => line.length <= 40));
  const narrow = table(heading, rows, { colours: false, columns: 20 }).split("\n");
  assert.equal(narrow[1], "id  registry.example/a/long/name  another-long-name");
});

test("colours: a terminal has them, a pipe does not, and the variables have their say", () => {
  const terminal = { isTTY: true, columns: 120 };
  const cases: [object, NodeJS.ProcessEnv, boolean][] = [
    [terminal, {}, true],
    [{}, {}, false],
    [terminal, { TERM: "dumb" }, false],
    [terminal, { CLICOLOR: "0" }, false],
    [terminal, { FORCE_COLOR: "0" }, false],
    [terminal, { NO_COLOR: "1" }, false],
    [terminal, { NO_COLOR: "" }, true],
    [{}, { FORCE_COLOR: "1" }, true],
    [{}, { CLICOLOR_FORCE: "1" }, true],
    [{}, { CLICOLOR_FORCE: "0" }, false],
    [{}, { CLICOLOR_FORCE: "1", NO_COLOR: "1" }, false],
  ];
  for (const [stream, env, expected] of cases)
    assert.equal(terminalOf(stream, env).colours, expected, JSON.stringify([stream, env]));
  assert.deepEqual([terminalOf(terminal, {}).columns, terminalOf({}, {}).columns], [120, undefined]);
});
