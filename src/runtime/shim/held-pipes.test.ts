import assert from "node:assert/strict";
import { closeSync, constants, openSync } from "node:fs";
import { test } from "node:test";
import { Pipe } from "../../linux/pipe.ts";
import { pipeAt, readsFrom, writesToAny } from "./held-pipes.ts";

const O_PATH = 0o10000000;

test("who names a pipe neither reads from it nor writes into it; who does one does not do the other", () => {
  const { pid } = process;
  using pipe = new Pipe();
  const path = `/proc/self/fd/${pipe.write}`;
  const found = pipeAt(path);
  assert.match(found ?? "", /^pipe:\[[0-9]+\]$/);
  pipe.close("read");
  assert.deepEqual([writesToAny(pid, [found]), readsFrom(pid, found)], [true, false]);
  const name = openSync(path, O_PATH);
  assert.equal(readsFrom(pid, found), false);
  const reader = openSync(`/proc/self/fd/${name}`, constants.O_RDONLY | constants.O_NONBLOCK);
  assert.equal(readsFrom(pid, found), true);
  pipe.close("write");
  assert.deepEqual([writesToAny(pid, [found]), readsFrom(pid, found)], [false, true]);
  closeSync(reader);
  assert.equal(readsFrom(pid, found), false);
  closeSync(name);
  assert.equal(pipeAt("/dev/null"), undefined);
});
