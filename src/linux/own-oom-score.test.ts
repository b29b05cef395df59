import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { withOomScore } from "./own-oom-score.ts";

test("a command gets the score that it is to have, and nothing stands before one that has it", () => {
  const own = Number(readFileSync("/proc/self/oom_score_adj", "latin1"));
  const command = ["cat", "/proc/self/oom_score_adj"];
  assert.deepEqual(withOomScore(own, command), command);
  assert.deepEqual(withOomScore(undefined, command), command);
  const higher = Math.min(1000, own + 7);
  const [program = "", ...args] = withOomScore(higher, command, own - 1);
  assert.equal(execFileSync(program, args).toString(), `${higher}\n`);
});
