import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { innerCgroup } from "./inner-cgroup.ts";

test("a container is in its cgroup, or where crun puts it within a scope", (t) => {
  const root = mkdtempSync(join(tmpdir(), "berth-cgroup-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const group of ["s.slice/one.scope/container", "s.slice/two.scope", "three/container"])
    mkdirSync(join(root, group), { recursive: true });
  const directories = (cgroup: string) => new Map([["unified", join(root, cgroup)]]);
  const inner = (cgroup: string, version: 1 | 2 = 2) => innerCgroup({ version, directories }, cgroup);
  assert.equal(inner("/s.slice/one.scope"), "/s.slice/one.scope/container");
  assert.equal(inner("/s.slice/one.scope", 1), "/s.slice/one.scope");
  assert.equal(inner("/s.slice/two.scope"), "/s.slice/two.scope");
  assert.equal(inner("/three"), "/three");
});
