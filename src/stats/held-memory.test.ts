import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readHeldMemory } from "./held-memory.ts";

test("what a limit has to leave room for is all but cached files, with v1 and v2", () => {
  const root = mkdtempSync(join(tmpdir(), "berth-held-"));
  try {
    mkdirSync(join(root, "a"));
    const files = {
      "memory.usage_in_bytes": "1000\n",
      "memory.current": "2000\n",
      "memory.swap.current": "70\n",
      "memory.stat":
        "anon 500\nfile 1400\nshmem 100\ninactive_file 300\nactive_file 1000\ntotal_swap 40\ntotal_inactive_file 200\ntotal_active_file 300\n",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, "a", name), text);
    const at = (version: 1 | 2) => ({
      version,
      directories: () => new Map([[version === 1 ? "memory" : "unified", root]]),
    });
    assert.deepEqual(readHeldMemory(at(1), "/a"), { usage: 1000, held: 500, swap: 40 });
    assert.deepEqual(readHeldMemory(at(2), "/a"), { usage: 2000, held: 700, swap: 70 });
    assert.equal(readHeldMemory(at(2), "/gone"), undefined);
  } finally {
    rmSync(root, { recursive: true });
  }
});
