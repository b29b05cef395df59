import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { describeFault, isFault } from "../base/fault.ts";
import { openDirectory } from "../linux/open-beneath.ts";
import { TarReader } from "../wire/tar/read.ts";
import { type TarMember, tarEnd, tarHeader, tarPadding } from "../wire/tar/write.ts";
import { packTree } from "./pack.ts";
import { TreeWriter, type UnpackOptions } from "./unpack.ts";

let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-copy-"));
});
after(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  for (const name of ["from", "to"]) {
    rmSync(join(directory, name), { recursive: true, force: true });
    mkdirSync(join(directory, name));
  }
});

const at = (path: string) => join(directory, path);

/** Makes files by their paths: a string is content, `->` a link, `/` at the end a directory. */
function make(base: "from" | "to", files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const whole = join(at(base), path);
    mkdirSync(path.endsWith("/") ? whole : dirname(whole), { recursive: true });
    if (path.endsWith("/")) continue;
    if (content.startsWith("-> ")) symlinkSync(content.slice(3), whole);
    else writeFileSync(whole, content);
  }
}

const skipped: string[] = [];
const defaults: UnpackOptions = {
  owner: undefined,
  ids: undefined,
  extract: false,
  followLinks: false,
  skipped: (path, what) => skipped.push(`${path} ${what}`),
};

function pack(path: string, followLink = false, ids?: UnpackOptions["ids"]): Buffer {
  using root = openDirectory(at("from"));
  const options = { followLink, ids, skipped: defaults.skipped };
  return Buffer.concat(Array.from(packTree(root.fd, path, options), (piece) => Buffer.from(piece)));
}

function unpack(tar: Uint8Array, path: string, options: Partial<UnpackOptions> = {}): void {
  using root = openDirectory(at("to"));
  using writer = new TreeWriter(root.fd, path, { ...defaults, ...options });
  const reader = new TarReader(writer);
  for (let from = 0; from < tar.length; from += 1000) reader.push(tar.subarray(from, from + 1000));
  reader.end();
  writer.finish();
}

const copy = (from: string, to: string, options: Partial<UnpackOptions> = {}) =>
  unpack(pack(from), to, options);
const content = (path: string) => readFileSync(at(path), "utf8");

function tarOf(...members: (TarMember & { readonly data?: string })[]): Buffer {
  return Buffer.concat([
    ...members.flatMap(({ data = "", ...member }) => [
      tarHeader({ ...member, size: data.length }),
      Buffer.from(data),
      tarPadding(data.length),
    ]),
    tarEnd,
  ]);
}

const refused =
  (words: RegExp, kind: "invalid" | "notFound" = "invalid") =>
  (error: unknown) =>
    isFault(error, kind) && words.test(describeFault(error));

describe("where a copy goes, as with cp(1)", () => {
  beforeEach(() => {
    make("from", { file: "new", "dir/sub/file": "deep", "dir/link": "-> sub/file" });
  });

  test("a file: under a name, over another, into a directory", () => {
    make("to", { there: "old", "d/": "" });
    chmodSync(at("to/there"), 0o640);
    copy("/file", "/named");
    copy("file", "there");
    copy("/file", "/d");
    copy("/file", "/d/");
    for (const path of ["to/named", "to/there", "to/d/file"]) assert.equal(content(path), "new");
    assert.equal(statSync(at("to/there")).mode & 0o777, 0o640, "one that is there keeps its looks");
  });

  test("a directory: under a name, into a directory, or what it holds", () => {
    make("to", { "d/kept": "kept" });
    copy("/dir", "/named");
    copy("/dir", "/d");
    copy("/dir/.", "/d");
    copy("/dir/.", "/fresh");
    copy("/", "/all");
    const paths = ["named/sub/file", "d/dir/sub/file", "d/sub/file", "fresh/sub/file", "all/dir/sub/file"];
    for (const path of paths) assert.equal(content(`to/${path}`), "deep");
    assert.equal(content("to/d/kept"), "kept");
    assert.equal(readlinkSync(at("to/named/link")), "sub/file");
  });

  test("what can't be is refused, and nothing is made", () => {
    make("to", { file: "old", "d/file/": "" });
    assert.throws(() => copy("/dir", "/file"), refused(/file is a file: a directory can't take its place/));
    assert.throws(() => copy("/file", "/no/where"), refused(/there is no directory \/no$/, "notFound"));
    assert.throws(() => copy("/file", "/missing/"), refused(/there is no directory \/missing$/, "notFound"));
    assert.throws(() => copy("/file", "/file/under"), refused(/not a directory/));
    assert.throws(() => copy("/file", "/d"), refused(/a directory stands there/));
    assert.throws(() => pack("/absent"), refused(/reading \/absent/, "notFound"));
    assert.throws(() => pack("/file/"), refused(/reading \/file/));
    assert.deepEqual(
      execFileSync("ls", ["-R", at("to")], { encoding: "utf8" }).match(/^(no|missing|dir)$/gm),
      null,
    );
  });

  test("a link at the end is copied itself, unless it is to be followed", () => {
    make("from", { link: "-> dir/sub/file" });
    copy("/link", "/one");
    assert.equal(readlinkSync(at("to/one")), "dir/sub/file");
    unpack(pack("/link", true), "/two");
    assert.equal(content("to/two"), "deep");
    assert.ok(lstatSync(at("to/two")).isFile());
  });
});

test("modes, times, long names and several names of one file come along", () => {
  const long = `${"d".repeat(120)}/${"ü".repeat(100)}`;
  make("from", { "tree/a": "one", [`tree/${long}`]: "two", "tree/ro/x": "three" });
  execFileSync("ln", [at("from/tree/a"), at("from/tree/b")]);
  chmodSync(at("from/tree/a"), 0o751);
  chmodSync(at("from/tree/ro"), 0o555);
  utimesSync(at("from/tree/a"), 1000, 2000);
  utimesSync(at("from/tree/ro"), 1000, 3000);
  writeFileSync(at("from/tree/large"), "");
  truncateSync(at("from/tree/large"), 1_000_001);
  copy("/tree", "/tree");
  assert.equal(statSync(at("to/tree/a")).mode & 0o7777, 0o751);
  assert.equal(statSync(at("to/tree/a")).mtimeMs, 2_000_000);
  assert.equal(statSync(at("to/tree/a")).ino, statSync(at("to/tree/b")).ino);
  assert.equal(statSync(at("to/tree/ro")).mode & 0o7777, 0o555);
  assert.equal(statSync(at("to/tree/ro")).mtimeMs, 3_000_000);
  assert.equal(content(`to/tree/${long}`), "two");
  assert.equal(statSync(at("to/tree/large")).size, 1_000_001);
});

test("setuid goes without its owner; the owner's ids are those of the container", () => {
  make("from", { su: "x" });
  chmodSync(at("from/su"), 0o4755);
  copy("/su", "/plain");
  assert.equal(statSync(at("to/plain")).mode & 0o7777, 0o755);
  copy("/su", "/archive", { owner: "archive" });
  assert.equal(statSync(at("to/archive")).mode & 0o7777, 0o4755);
  const range = (hostId: number) => [{ hostId, containerId: 0, length: 10 }];
  const { uid, gid } = statSync(at("from/su"));
  const seen: number[] = [];
  new TarReader({
    entry: (entry) => void seen.push(entry.uid, entry.gid),
    data: () => undefined,
    entryEnd: () => undefined,
  }).push(pack("/su", false, { uids: range(uid), gids: range(gid + 1) }));
  assert.deepEqual(seen, [0, 65_534], "in the container's terms, or nobody");
  const strange = tarOf({ name: "f", size: 0, uid: 77, gid: 0 });
  const ids = { uids: range(uid), gids: range(gid) };
  assert.throws(() => unpack(strange, "/f", { owner: "archive", ids }), refused(/no user 77:0/));
});

test("what is no file, directory or link is left out and told; a FIFO is not opened", () => {
  make("from", { "tree/file": "x" });
  execFileSync("busybox", ["mkfifo", at("from/tree/fifo")]);
  skipped.length = 0;
  copy("/tree", "/tree");
  assert.deepEqual(skipped, ["/tree/fifo a FIFO"]);
  assert.ok(!existsSync(at("to/tree/fifo")));
  unpack(tarOf({ name: "d/", size: 0, type: "directory" }, { name: "d/pipe", size: 0, type: "fifo" }), "/d");
  assert.ok(!existsSync(at("to/d/pipe")));
});

describe("hostile trees and archives", () => {
  beforeEach(() => {
    make("from", { "../outside/secret": "secret" });
    mkdirSync(at("outside"), { recursive: true });
    writeFileSync(at("outside/secret"), "secret");
  });

  test("no link of a container leads out of its root when it is read", () => {
    make("from", {
      up: "-> ../outside",
      absolute: `-> ${at("outside")}`,
      "dir/escape": "-> ../../../../../../outside/secret",
      magic: "-> /proc/self/root",
    });
    for (const path of ["/up/secret", "/absolute/secret", "/../outside/secret"])
      assert.throws(() => pack(path), refused(/reading/, "notFound"), path);
    assert.throws(() => pack("/dir/escape", true), refused(/reading/, "notFound"));
    copy("/dir", "/dir");
    assert.ok(lstatSync(at("to/dir/escape")).isSymbolicLink());
  });

  test("no link of a container leads out of its root when it is written to", () => {
    make("from", { file: "new" });
    make("to", { up: "-> ../outside", absolute: `-> ${at("outside")}`, secret: "-> ../outside/secret" });
    for (const path of ["/up/secret", "/absolute/secret", "/up/"])
      assert.throws(() => copy("/file", path, { followLinks: true }), refused(/./, "notFound"), path);
    for (const path of ["/secret", "/absolute"]) {
      copy("/file", path, { followLinks: true });
      assert.ok(lstatSync(at(`to${path}`)).isFile(), "it takes the place of a link to nowhere");
    }
    assert.equal(content("outside/secret"), "secret");
  });

  test("an archive that makes a link does not write through it", () => {
    const link = (linkName: string): TarMember => ({
      name: "d/link",
      size: 0,
      type: "symbolicLink",
      linkName,
    });
    const top: TarMember = { name: "d/", size: 0, type: "directory" };
    for (const to of [at("outside"), "../../outside", "."]) {
      const tar = tarOf(top, link(to), { name: "d/link/secret", size: 0, data: "evil" });
      assert.throws(() => unpack(tar, `/${to.length}`), refused(/leads through a symbolic link/));
    }
    const over = tarOf(top, link(at("outside/secret")), { name: "d/link", size: 0, data: "evil" });
    unpack(over, "/over");
    assert.equal(content("to/over/link"), "evil");
    assert.equal(content("outside/secret"), "secret");
    assert.throws(
      () => unpack(tarOf(top, link(at("outside")), { ...top, name: "d/link/" }), "/dir"),
      refused(/symbolic link/),
    );
    const hard = { name: "d/hard", size: 0, type: "hardLink" } as const;
    for (const linkName of ["d/link/secret", "d/../../outside/secret", "../outside/secret", "/etc/passwd"])
      assert.throws(
        () => unpack(tarOf(top, link(at("outside")), { ...hard, linkName }), "/h"),
        refused(/./),
        linkName,
      );
  });

  test("within a container's root, links on the way are followed", () => {
    make("to", { "run/": "", "var/run": "-> /run" });
    const tar = tarOf({ name: "var/run/pid", size: 0, data: "1" });
    unpack(tar, "/", { extract: true, followLinks: true });
    assert.equal(content("to/run/pid"), "1");
    assert.throws(() => unpack(tar, "/", { extract: true }), refused(/symbolic link/));
  });

  test("members that are not of the copy, or lead out of it, are refused", () => {
    const top: TarMember = { name: "d/", size: 0, type: "directory" };
    for (const name of ["../evil", "d/../../evil", "other", "/etc/evil"])
      assert.throws(() => unpack(tarOf(top, { name, size: 0, data: "evil" }), "/d"), refused(/./), name);
    assert.throws(() => unpack(tarOf({ name: "a/b", size: 0 }), "/d"), refused(/outside of what is copied/));
    assert.throws(
      () => unpack(tarOf({ name: "f", size: 0 }, { name: "g", size: 0 }), "/f"),
      refused(/outside of what is copied/),
    );
    make("to", { file: "old" });
    assert.throws(
      () => unpack(tarOf({ name: "f", size: 0, data: "1" }, { name: "f", size: 0, data: "2" }), "/file"),
      refused(/outside of what is copied/),
    );
    assert.throws(
      () => unpack(tarEnd, "/d"),
      (error) => isFault(error, "corrupt"),
    );
    assert.throws(
      () => unpack(tarHeader({ name: "f", size: 100 }), "/f"),
      (error) => isFault(error, "corrupt"),
    );
  });
});
