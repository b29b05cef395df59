import assert from "node:assert/strict";
import { closeSync, fstatSync, writeSync } from "node:fs";
import { test } from "node:test";
import { OutputPipe } from "./output-pipe.ts";
import { closeOnExecPipe } from "./posix-spawn.ts";

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

test("takes nothing from another pipe that got the number of the one whose end it has met", async () => {
  const [read, write] = closeOnExecPipe();
  const output = new OutputPipe(read, 100, 0);
  writeSync(write, "mine");
  closeSync(write);
  // The stream closes the descriptor before it says so: this is the moment between the two.
  while (isOpen(read)) await new Promise(setImmediate);
  const [other, otherWrite] = closeOnExecPipe();
  writeSync(otherWrite, "another's");
  assert.equal(other, read);
  assert.equal(`${output.finish()}`, "mine");
  await output.ended;
  assert.ok(isOpen(other));
  for (const fd of [other, otherWrite]) closeSync(fd);
});
