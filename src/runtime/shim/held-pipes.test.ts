import assert from "node:assert/strict";
import { closeSync, constants, openSync } from "node:fs";
import { test } from "node:test";
import { Pipe } from "../../linux/pipe.ts";
import { holdsAny, pipeAt, readsFrom } from "./held-pipes.ts";

const O_PATH = 0o10000000;

test("who names a pipe, or writes into it, does not read from it", () => {
  const { pid } = process;
  using pipe = new Pipe();
  const path = `/proc/self/fd/${pipe.write}`;
  const found = pipeAt(path);
  assert.match(found ?? "", /^pipe:\[[0-9]+\]$/);
  pipe.close("read");
  assert.deepEqual([holdsAny(pid, [found]), readsFrom(pid, found)], [true, false]);
  const name = openSync(path, O_PATH);
  assert.equal(readsFrom(pid, found), false);
  const reader = openSync(`/proc/self/fd/${name}`, constants.O_RDONLY | constants.O_NONBLOCK);
  assert.equal(readsFrom(pid, found), true);
  for (const fd of [name, reader]) closeSync(fd);
  pipe.close("write");
  assert.equal(holdsAny(pid, [found]), false);
  assert.equal(pipeAt("/dev/null"), undefined);
});
