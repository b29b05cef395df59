import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { makeDirectoryWithin } from "./make-within.ts";

let base: string;
const at = (...path: string[]) => join(base, ...path);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-within-"));
  mkdirSync(at("root/there"), { recursive: true });
  mkdirSync(at("outside"));
});
afterEach(() => rmSync(base, { recursive: true }));

test("makes what is missing, and leaves what is there", () => {
  makeDirectoryWithin(at("root"), "/there/a/b", 0o755);
  assert.equal(statSync(at("root/there/a/b")).mode & 0o777, 0o755 & ~process.umask());
  writeFileSync(at("root/file"), "");
  for (const path of ["/there/a", "/file", "/"]) makeDirectoryWithin(at("root"), path, 0o700);
  assert.ok(statSync(at("root/file")).isFile());
});

test("links are those of the root, and lead nowhere else", () => {
  symlinkSync("/there", at("root/link"));
  symlinkSync("../../../outside", at("root/there/up"));
  symlinkSync("/nowhere", at("root/dangling"));
  writeFileSync(at("root/file"), "");
  makeDirectoryWithin(at("root"), "/link/new", 0o755);
  assert.ok(existsSync(at("root/there/new")));
  mkdirSync(at("root/outside"));
  makeDirectoryWithin(at("root"), "/there/up/new", 0o755);
  assert.deepEqual([existsSync(at("root/outside/new")), existsSync(at("outside/new"))], [true, false]);
  const refused: [string, RegExp][] = [
    ["/dangling/x", /\/dangling is a link that leads nowhere/],
    ["/file/x", /leads through what is no directory/],
  ];
  for (const [path, message] of refused)
    assert.throws(() => makeDirectoryWithin(at("root"), path, 0o755), { kind: "invalid", message });
});
