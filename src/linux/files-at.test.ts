import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import * as at from "./files-at.ts";
import { openDirectory, pathAt } from "./open-beneath.ts";

const isRoot = process.getuid?.() === 0;
const privileged = { skip: isRoot ? false : "NOT RUN: needs root" };

describe("calls on names in an open directory", () => {
  let root: string;
  let opened: ReturnType<typeof openDirectory>;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "berth-at-"));
    opened = openDirectory(root);
  });
  afterEach(() => {
    opened[Symbol.dispose]();
    rmSync(root, { recursive: true });
  });

  it("makes and removes directories, links and names that are not UTF-8", () => {
    const odd = Buffer.from([0x66, 0xff, 0xfe]);
    at.mkdirAt(opened.fd, odd, 0o700);
    assert.ok(lstatSync(Buffer.concat([Buffer.from(`${root}/`), odd])).isDirectory());
    at.rmdirAt(opened.fd, odd);
    at.symlinkAt("/etc/passwd", opened.fd, "link");
    assert.equal(readlinkSync(pathAt(opened.fd, "link")), "/etc/passwd");
    at.unlinkAt(opened.fd, "link");
    assert.throws(() => at.unlinkAt(opened.fd, "link"), { code: "ENOENT", syscall: "unlinkat" });
    assert.throws(() => at.mkdirAt(opened.fd, "a\0b", 0o700), { kind: "invalid" });
    assert.throws(() => at.mkdirAt(opened.fd, Buffer.from([0x61, 0]), 0o700), { kind: "invalid" });
  });

  it("links the symbolic link itself, and an open file by its descriptor", () => {
    at.symlinkAt("nowhere", opened.fd, "a");
    at.linkAt(opened.fd, "a", opened.fd, "b");
    assert.equal(lstatSync(join(root, "b")).ino, lstatSync(join(root, "a")).ino);
    writeFileSync(join(root, "c"), "content");
    const file = openSync(join(root, "c"), "r");
    at.linkFdAt(file, opened.fd, "d");
    closeSync(file);
    assert.equal(readFileSync(join(root, "d"), "utf8"), "content");
  });

  it("renames, and keeps what is there when asked to", () => {
    writeFileSync(join(root, "a"), "a");
    writeFileSync(join(root, "b"), "b");
    const keep = { replace: false };
    assert.throws(() => at.renameAt(opened.fd, "a", opened.fd, "b", keep), { code: "EEXIST" });
    at.renameAt(opened.fd, "a", opened.fd, "b");
    assert.equal(readFileSync(join(root, "b"), "utf8"), "a");
  });

  it("sets times to the nanosecond, before 1970 too, on a link and not on its target", () => {
    at.symlinkAt("/etc", opened.fd, "link");
    at.utimesAt(opened.fd, "link", { accessed: 1n, modified: -1_500_000_001n });
    const { atimeNs, mtimeNs } = lstatSync(join(root, "link"), { bigint: true });
    assert.deepEqual([atimeNs, mtimeNs], [1n, -1_500_000_001n]);
  });

  it("changes modes, but not that of a link", () => {
    writeFileSync(join(root, "a"), "");
    at.chmodAt(opened.fd, "a", 0o4755);
    assert.equal(lstatSync(join(root, "a")).mode & 0o7777, 0o4755);
    at.symlinkAt("a", opened.fd, "link");
    assert.throws(() => at.chmodAt(opened.fd, "link", 0o600), { code: "EOPNOTSUPP" });
  });

  it("numbers devices as the kernel does", () => {
    assert.equal(at.deviceNumber(1, 3), 0x103n);
    assert.equal(at.deviceNumber(259, 0x12345), 0x12310345n);
    assert.equal(at.deviceNumber(0x12345, 1), 0x1200000034501n);
  });

  it("makes devices and changes owners without following links", privileged, () => {
    at.mknodAt(opened.fd, "null", constants.S_IFCHR | 0o666, at.deviceNumber(1, 3));
    const made = lstatSync(join(root, "null"));
    assert.ok(made.isCharacterDevice());
    assert.equal(BigInt(made.rdev), at.deviceNumber(1, 3));
    at.symlinkAt("null", opened.fd, "link");
    at.chownAt(opened.fd, "link", 12, 34);
    assert.equal(lstatSync(join(root, "link")).uid, 12);
    assert.equal(lstatSync(join(root, "null")).uid, 0);
    const file = openSync(join(root, "null"), "r");
    at.chownFd(file, 5, 6);
    closeSync(file);
    assert.equal(lstatSync(join(root, "null")).gid, 6);
  });
});
