import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { claim, ownPort } from "./own-port.ts";

test("what one process has claimed no other gets, until that ends", async () => {
  const module = JSON.stringify(new URL("own-port.ts", import.meta.url).href);
  const claimed = (what: string) =>
    execFileSync(process.execPath, [
      "--disable-warning=ExperimentalWarning",
      "--input-type=module",
      ...["-e", `import { claim } from ${module}; console.log(claim(${JSON.stringify(what)}))`],
    ]).toString();
  const port = await ownPort();
  assert.equal(claimed(`port ${port}`), "false\n");
  const what = `number ${process.pid}`;
  assert.equal(claimed(what), "true\n", "and has ended");
  assert.ok(claim(what));
  assert.ok(!claim(what), "nor this one twice");
});
