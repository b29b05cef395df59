import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { mkdirAt } from "../../linux/files-at.ts";
import { openBeneath, openDirectory } from "../../linux/open-beneath.ts";
import { removeTree } from "./remove.ts";
import { usageOf, usageOfSmall } from "./usage.ts";

/** Nested directories that no path reaches, as a container can make them. */
function makeDeep(at: string, depth: number): void {
  mkdirSync(at);
  let directory = openDirectory(at);
  for (let i = 0; i < depth; i++) {
    mkdirAt(directory.fd, "deeper", 0o700);
    const next = openBeneath(directory.fd, "deeper", 0, { confine: "noLinks" });
    directory[Symbol.dispose]();
    directory = next;
  }
  directory[Symbol.dispose]();
}

describe("a tree that a container made", () => {
  let base: string;
  before(() => {
    base = mkdtempSync(join(tmpdir(), "berth-tree-"));
  });
  after(() => execFileSync("/bin/rm", ["-rf", base]));

  it("is counted and removed however deep it is", () => {
    const deep = join(base, "deep");
    makeDeep(deep, 5000);
    writeFileSync(join(deep, "file"), "x");
    assert.equal(usageOf(deep).inodes, 5002);
    assert.ok(removeTree(deep));
    assert.ok(!existsSync(deep));
  });

  it("is counted by inode, and links lead nowhere", () => {
    const tree = join(base, "counted");
    mkdirSync(join(tree, "d"), { recursive: true });
    const empty = usageOf(tree).bytes;
    writeFileSync(join(tree, "a"), Buffer.alloc(100_000, 1));
    linkSync(join(tree, "a"), join(tree, "d", "b"));
    symlinkSync("/", join(tree, "root"));
    const { bytes, inodes } = usageOf(tree);
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    // a file with several names is one inode, and each of its names is looked at
    assert.deepEqual(usageOfSmall(tree, 100), { bytes, inodes });
    assert.equal(usageOfSmall(tree, inodes - 1), undefined);
    assert.equal(usageOfSmall(tree, 0), undefined);
    assert.equal(open(), before, "all directories are closed again");
    assert.equal(inodes, 4);
    assert.ok(bytes - empty >= 100_000 && bytes - empty < 120_000);
  });

  it("is removed with names of any bytes, and nothing that it links to", () => {
    const kept = join(base, "kept");
    mkdirSync(kept);
    writeFileSync(join(kept, "file"), "x");
    const tree = join(base, "removed");
    mkdirSync(join(tree, ".removing-0", "inner"), { recursive: true });
    mkdirSync(join(tree, "d", "e", "f"), { recursive: true });
    symlinkSync(kept, join(tree, "d", "e", "link"));
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/d/e/`), Buffer.from([0xff, 0xe4])]), "x");
    for (let i = 0; i < 1500; i++) writeFileSync(join(tree, "d", String(i)), "");
    assert.ok(removeTree(tree));
    assert.ok(existsSync(join(kept, "file")));
    symlinkSync(kept, tree);
    assert.ok(removeTree(tree));
    assert.ok(existsSync(join(kept, "file")));
    assert.ok(!removeTree(tree));
  });
});
