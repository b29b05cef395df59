import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { getExtendedAttribute, setExtendedAttribute } from "./extended-attributes.ts";
import { hostMounts } from "./mounts.ts";
import { relabelTree } from "./relabel.ts";

const isRoot = process.getuid?.() === 0;
const label = "system_u:object_r:container_file_t:s0:c1,c2";
const name = "security.selinux";

/** A file system keeps these labels whether or not the kernel has SELinux. */
describe("relabelTree", { skip: isRoot ? false : "NOT RUN: labels need root" }, () => {
  const mounts = hostMounts();
  let base: string;
  const at = (...path: string[]) => join(base, ...path);
  const labelAt = (path: string | Uint8Array) => {
    const value = getExtendedAttribute(path, name);
    return value === undefined ? undefined : Buffer.from(value).toString();
  };

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), "berth-relabel-"));
    await mounts.mount("berth-test", base, "tmpfs", ["size=8m"]);
  });
  afterEach(async () => {
    for (const { target } of await mounts.below(base)) await mounts.unmount(target);
    rmSync(base, { recursive: true });
  });

  it("labels a directory with all below it, and no link's target", () => {
    mkdirSync(at("volume/deep/deeper"), { recursive: true });
    mkdirSync(at("outside"));
    writeFileSync(at("volume/deep/file"), "");
    const odd = Buffer.concat([Buffer.from(`${at("volume")}/`), Buffer.from([0xff, 0x20])]);
    writeFileSync(odd, "");
    symlinkSync(at("outside"), at("volume/link"));
    relabelTree(at("volume"), label);
    for (const path of ["volume", "volume/deep", "volume/deep/deeper", "volume/deep/file", "volume/link"])
      assert.equal(labelAt(at(path)), label, path);
    assert.equal(labelAt(odd), label);
    assert.equal(labelAt(at("outside")), undefined);
  });

  it("labels a single file, and writes only what differs where the root has the label", () => {
    writeFileSync(at("file"), "");
    relabelTree(at("file"), label);
    assert.equal(labelAt(at("file")), label);
    mkdirSync(at("volume"));
    // As the tools of SELinux write it: what stays so was not written again.
    const written = Buffer.from(`${label}\0`);
    for (const path of ["volume", "volume/same", "volume/other"]) {
      if (path !== "volume") writeFileSync(at(path), "");
      setExtendedAttribute(at(path), name, path.endsWith("other") ? Buffer.from("other") : written);
    }
    relabelTree(at("volume"), label);
    assert.equal(labelAt(at("volume/same")), `${label}\0`);
    assert.equal(labelAt(at("volume/other")), label);
  });

  it("refuses what the host lives by, passes over what has no labels, and says what the kernel refuses", async () => {
    for (const path of ["/", "/etc", "/usr", "/var/lib"])
      assert.throws(() => relabelTree(path, label), { kind: "invalid", message: /must not be relabeled/ });
    relabelTree("/proc/self/status", label);
    // Not all of the machine's: others mount and unmount meanwhile.
    const before = await mounts.below(base);
    mkdirSync(at("volume"));
    await mounts.bind(at("volume"), at("volume"), { readonly: true });
    assert.throws(() => relabelTree(at("volume"), label), /giving .*volume the SELinux label/);
    await mounts.unmount(at("volume"));
    assert.deepEqual(await mounts.below(base), before);
  });
});
