import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isToldOfNobody } from "./told-of-nobody.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-told-of-nobody-"));
after(() => rmSync(directory, { recursive: true }));

/** @param before how much of something else comes first */
function program(name: string, before: number, words: string): string {
  const path = join(directory, name);
  writeFileSync(path, Buffer.concat([Buffer.alloc(before, "x"), Buffer.from(words), Buffer.alloc(10, "y")]));
  return path;
}

test("gVisor's shim is told of nobody for its events when its program knows what to do then", async () => {
  const shim = "containerd-shim-runsc-v1";
  const words = "Failed to post event (no containerd event sink): %v";
  for (const before of [0, (1 << 20) - 20, 3 << 20])
    assert.equal(await isToldOfNobody("io.containerd.runsc.v1", program(shim, before, words)), true);
  assert.equal(await isToldOfNobody("/opt/shim", program(shim, 0, words)), true, "by its program's name");
  assert.equal(await isToldOfNobody("io.containerd.runsc.v1", program(shim, 0, "post event: %w")), false);
  assert.equal(await isToldOfNobody("io.containerd.runsc.v1", join(directory, "missing")), false);
  const another = program("containerd-shim-kata-v2", 0, words);
  assert.equal(await isToldOfNobody("io.containerd.kata.v2", another), false);
});
