import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { makeChanges } from "./file-changes.ts";

const names = Array.from({ length: 200 }, (_, number) => `file-${number}`);

/** What goes first there. */
const last = (directory: string) => join(directory, names.at(-1) ?? "");

/** Empties each directory that it is told, as another process would. */
const emptying = `
  const { rmSync } = require("node:fs");
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", ({ directory, names }) => {
    for (const name of names.toReversed()) rmSync(directory + "/" + name, { force: true });
    parentPort.postMessage("done");
  });
`;

test("a tree is gone once it is removed, though another removes what is in it at the same time", async () => {
  const base = mkdtempSync(join(tmpdir(), "berth-changes-"));
  const other = new Worker(emptying, { eval: true });
  try {
    for (let round = 0; round < 40; round++) {
      const directory = mkdtempSync(join(base, "tree-"));
      for (const name of names) writeFileSync(join(directory, name), "");
      const done = once(other, "message");
      other.postMessage({ directory, names });
      while (existsSync(last(directory)));
      makeChanges([{ change: "removeTree", path: directory }]);
      assert.ok(!existsSync(directory), `in round ${round}`);
      await done;
    }
  } finally {
    await other.terminate();
    rmSync(base, { recursive: true });
  }
});
