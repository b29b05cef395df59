import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import {
  getExtendedAttribute,
  listExtendedAttributes,
  removeExtendedAttribute,
  setExtendedAttribute,
} from "./extended-attributes.ts";
import { openDirectory, pathAt } from "./open-beneath.ts";
import { syncFileSystem } from "./sync-file-system.ts";

const isRoot = process.getuid?.() === 0;

it("sets, reads, lists and removes extended attributes, on a link and not on its target", {
  skip: isRoot ? false : "NOT RUN: needs root for trusted attributes",
}, () => {
  const base = mkdtempSync(join(tmpdir(), "berth-xattr-"));
  try {
    writeFileSync(join(base, "a"), "");
    symlinkSync("a", join(base, "link"));
    using root = openDirectory(base);
    const file = pathAt(root.fd, "a");
    const value = new Uint8Array([0, 1, 2, 255]);
    setExtendedAttribute(file, "user.some", value);
    setExtendedAttribute(pathAt(root.fd, "link"), "trusted.other", new Uint8Array(0));
    assert.deepEqual(getExtendedAttribute(file, "user.some"), value);
    assert.deepEqual(getExtendedAttribute(pathAt(root.fd, "link"), "trusted.other"), new Uint8Array(0));
    assert.equal(getExtendedAttribute(file, "trusted.other"), undefined);
    assert.deepEqual(listExtendedAttributes(file), ["user.some"]);
    removeExtendedAttribute(file, "user.some");
    assert.throws(() => removeExtendedAttribute(file, "user.some"), { code: "ENODATA" });
    assert.throws(() => getExtendedAttribute(join(base, "none"), "user.some"), { code: "ENOENT" });
  } finally {
    rmSync(base, { recursive: true });
  }
});

it("syncs a file system off the main thread, and says when there is none", async () => {
  const base = mkdtempSync(join(tmpdir(), "berth-sync-"));
  try {
    await syncFileSystem(base);
    await assert.rejects(syncFileSystem(join(base, "none")), { kind: "notFound" });
  } finally {
    rmSync(base, { recursive: true });
  }
});
