import assert from "node:assert/strict";
import {
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Confinement, O_PATH, openBeneath, openDirectory } from "./open-beneath.ts";

describe("openBeneath", () => {
  let base: string;
  let root: ReturnType<typeof openDirectory>;

  before(() => {
    base = mkdtempSync(join(tmpdir(), "berth-beneath-"));
    mkdirSync(join(base, "root/etc"), { recursive: true });
    writeFileSync(join(base, "outside"), "outside");
    writeFileSync(join(base, "root/etc/passwd"), "inside");
    symlinkSync("../outside", join(base, "root/up"));
    symlinkSync("/etc/passwd", join(base, "root/absolute"));
    symlinkSync("etc/passwd", join(base, "root/relative"));
    symlinkSync("/proc/self/root", join(base, "root/magic"));
    root = openDirectory(join(base, "root"));
  });
  after(() => {
    root[Symbol.dispose]();
    rmSync(base, { recursive: true });
  });

  const read = (path: string, confine?: Confinement) => {
    using file = openBeneath(root.fd, path, constants.O_RDONLY, confine === undefined ? {} : { confine });
    return readFileSync(file.fd, "utf8");
  };

  it("follows links that stay beneath the root, and refuses those that leave it", () => {
    assert.equal(read("relative"), "inside");
    for (const path of ["up", "absolute", "../outside", "/etc/passwd", "etc/../../outside"]) {
      assert.throws(() => read(path), { code: "EXDEV", syscall: "openat2" }, path);
    }
  });

  it("takes the root for / when asked to", () => {
    assert.equal(read("absolute", "inRoot"), "inside");
    assert.equal(read("/etc/passwd", "inRoot"), "inside");
    assert.equal(read("../../../etc/passwd", "inRoot"), "inside");
    assert.throws(() => read("up", "inRoot"), { code: "ENOENT" });
  });

  it("passes no link when asked to", () => {
    assert.equal(read("etc/passwd", "noLinks"), "inside");
    assert.throws(() => read("relative", "noLinks"), { code: "ELOOP" });
  });

  it("gives descriptors that close on exec, and makes files with the mode that was asked for", () => {
    using made = openBeneath(root.fd, "new", constants.O_CREAT | constants.O_WRONLY, { mode: 0o640 });
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${made.fd}`, "utf8"))?.[1];
    assert.equal(Number.parseInt(flags ?? "", 8) & 0o2000000, 0o2000000);
    using path = openBeneath(root.fd, "relative", O_PATH | constants.O_NOFOLLOW);
    assert.equal(readlinkSync(`/proc/self/fd/${path.fd}`), join(base, "root/relative"));
  });

  it("refuses a name that would be cut short", () => {
    assert.throws(() => read("etc/passwd\0.txt"), { kind: "invalid" });
  });

  it("does not open a link for a directory", () => {
    symlinkSync("root", join(base, "link"));
    assert.throws(() => openDirectory(join(base, "link")), { code: "ENOTDIR" });
  });
});
