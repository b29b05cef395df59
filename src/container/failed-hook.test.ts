import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describeFault, Fault } from "../base/fault.ts";
import type { OciConfig } from "../spec/oci-runtime.ts";
import { withFailedHook } from "./failed-hook.ts";

const hooks = {
  prestart: [{ path: "/a" }],
  createRuntime: [{ path: "/b" }, { path: "/c" }],
  poststop: [{ path: "/b" }, { path: "/b" }, { path: "/b" }],
};

test("the hook is told that the runtime's words are about, or those that they may be about", async (t) => {
  const bundle = mkdtempSync(join(tmpdir(), "berth-bundle-"));
  t.after(() => rmSync(bundle, { recursive: true }));
  const told = async (words: string) =>
    describeFault(await withFailedHook(new Fault("internal", words), { hooks } as OciConfig, bundle));
  const runc = "error running hook #1: error running hook: exit status 3, stdout: , stderr: no card";
  assert.equal(await told(runc), `the hook /c (createRuntime) failed: ${runc}`);
  const newer = "error running createRuntime hook #0: exit status 3";
  assert.equal(await told(newer), `the hook /b (createRuntime) failed: ${newer}`);
  assert.match(
    await told("hook #0: x"),
    /^one of these hooks failed: \/a \(prestart\), \/b \(createRuntime\): hook #0/,
  );
  writeFileSync(join(bundle, "hooks.log"), "no card\n");
  const crun = "error executing hook `/b` (exit code: 3)";
  assert.equal(await told(crun), `the hook /b (createRuntime) failed; hooks wrote: no card: ${crun}`);
  writeFileSync(join(bundle, "hooks.log"), `${"x".repeat(5000)}\nthe end\n`);
  assert.match(await told(crun), /; hooks wrote: x{991}; the end: error/);
  for (const other of [
    "no such file",
    "error running hook #7: x",
    "error executing hook `/z` (exit code: 1)",
  ])
    assert.equal(await told(other), other);
});
