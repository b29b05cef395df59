import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { readLookasideSettings } from "./lookaside-file.ts";

test("registries.d: scopes of all files, the older names too; what is for writing is passed over", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-lookaside-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  assert.deepEqual(await readLookasideSettings(join(directory, "none")), {
    byScope: new Map(),
    byDefault: undefined,
  });
  write("a.yaml", "default-docker:\n  sigstore: file:///old\n  lookaside-staging: file:///w\n");
  write(
    "b.yaml",
    "docker:\n  quay.io/ns:\n    lookaside: https://l.example/x\n    use-sigstore-attachments: true\n  quay.io:\n",
  );
  write("c.yaml", "");
  write("d.conf", "not: [yaml");
  const { byScope, byDefault } = await readLookasideSettings(directory);
  assert.deepEqual(byDefault, { url: "file:///old", file: join(directory, "a.yaml") });
  assert.deepEqual(
    [...byScope],
    [["quay.io/ns", { url: "https://l.example/x", file: join(directory, "b.yaml") }]],
  );

  const fails = (why: RegExp) =>
    assert.rejects(
      readLookasideSettings(directory),
      (error) => isFault(error, "invalid") && why.test(error.message),
    );
  write("e.yaml", "docker:\n  quay.io/ns:\n    lookaside: https://other.example\n");
  await fails(/"quay\.io\/ns" is both in \S+b\.yaml and \S+e\.yaml/);
  write("e.yaml", "docker:\n  h:\n    lookaside: [1]\n");
  await fails(/e\.yaml: docker\.h\.lookaside: is not string/);
  write("e.yaml", "docker: [1\nx");
  await fails(/e\.yaml:2:1 can't be read as YAML/);
});
