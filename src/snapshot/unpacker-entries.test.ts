import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { treeOf } from "./notes.ts";
import { buildTar, type TestEntry } from "./testing/build-tar.ts";
import { asRoot, chunksOf, ofKind, SnapshotFixture } from "./testing/fixture.ts";
import { readTree } from "./testing/read-tree.ts";

describe("the unpacker, of a tar's entries,", { skip: asRoot }, () => {
  let fixture: SnapshotFixture;
  before(() => {
    fixture = new SnapshotFixture("overlay");
  });
  after(() => fixture[Symbol.asyncDispose]());

  const unpackTar = async (entries: readonly TestEntry[]) => {
    const directory = fixture.newDirectory();
    const result = await fixture.unpack(chunksOf(buildTar(entries)), directory);
    return { result, tree: readTree(treeOf(directory)) };
  };

  it("restores everything that a tar says", async () => {
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const { tree } = await unpackTar([
      { name: "d/", mode: 0o2755, uid: 1, gid: 2, mtime: "100.000000001", xattrs: { "user.d": "1" } },
      { name: "d/suid", content: "x", mode: 0o6755, uid: 1000, gid: 1001, mtime: "-5.5" },
      { name: "d/cap", content: "x", uid: 7, xattrs: { "security.capability": capability, "user.ü": "ä" } },
      { name: "d/hard", flag: "1", link: "./d/suid" },
      { name: "d/link", flag: "2", link: "/etc/passwd", uid: 5, gid: 6, mtime: "7.000000009" },
      { name: "null", flag: "3", device: [1, 3], mode: 0o666 },
      { name: "disk", flag: "4", device: [259, 70_000], mode: 0o600 },
      { name: "pipe", flag: "6", mode: 0o622, mtime: 3 },
      { name: Buffer.from([0x62, 0xff, 0x2f]), mode: 0o700 },
      { name: Buffer.from([0x62, 0xff, 0x2f, 0xfe]), content: "latin" },
      { name: `${"deep/".repeat(60)}${"n".repeat(255)}`, content: "y" },
      {
        name: "ACL/",
        xattrs: {
          "system.posix_acl_default": Buffer.from(
            "0200000001000700ffffffff04000500ffffffff20000500ffffffff",
            "hex",
          ),
        },
      },
      { name: "ACL/inside", mode: 0o600 },
    ]);
    const look = (path: string) => {
      const { type, mode, owner, modified, sameAs } = tree[path] ?? assert.fail(path);
      return [type, mode, owner, modified, sameAs].join(" ");
    };
    assert.equal(look("d"), "directory 2755 1:2 100000000001 d");
    assert.equal(look("d/suid"), "file 6755 1000:1001 -5500000000 d/hard");
    assert.equal(look("d/link"), "link 777 5:6 7000000009 d/link");
    assert.equal(look("null"), "character device 666 0:0 0 null");
    assert.equal(look("pipe"), "fifo 622 0:0 3000000000 pipe");
    assert.equal(tree.disk?.content, String((70_000 & 0xff) | (259 << 8) | ((70_000 & ~0xff) << 12)));
    assert.deepEqual(tree.d?.attributes, { "user.d": "31" });
    assert.deepEqual(tree["d/cap"]?.attributes, {
      "security.capability": capability.toString("hex"),
      "user.ü": "c3a4",
    });
    assert.equal(tree["d/link"]?.content, "/etc/passwd");
    assert.equal(tree["b\xff/\xfe"]?.type, "file");
    assert.equal(tree[`${"deep/".repeat(60)}${"n".repeat(255)}`]?.type, "file");
    assert.deepEqual(Object.keys(tree.ACL?.attributes ?? {}), ["system.posix_acl_default"]);
    assert.deepEqual(tree["ACL/inside"]?.attributes, {});
  });

  it("writes sparse files with their holes", async () => {
    const directory = fixture.newDirectory();
    const pax = [
      ["GNU.sparse.size", "50000000"],
      ["GNU.sparse.map", "40000000,5"],
    ] as const;
    await fixture.unpack(chunksOf(buildTar([{ name: "s", pax, content: "hello" }])), directory);
    const file = join(treeOf(directory), "s");
    const { size, blocks } = statSync(file);
    assert.equal(size, 50_000_000);
    assert.ok(blocks < 100);
    assert.equal(readFileSync(file).subarray(40_000_000, 40_000_005).toString(), "hello");
  });

  it("lets the last entry of a name win", async () => {
    const { tree } = await unpackTar([
      { name: "a", content: "1" },
      { name: "a", content: "22", mode: 0o600 },
      { name: "b/" },
      { name: "b/c", content: "x" },
      { name: "b", content: "file" },
      { name: "l", flag: "2", link: "a" },
      { name: "l/", mode: 0o711 },
      { name: "l/x" },
      { name: "l/", mode: 0o700, xattrs: { "user.second": "" } },
    ]);
    assert.deepEqual(Object.keys(tree), ["", "a", "b", "l", "l/x"]);
    assert.deepEqual([tree.a?.mode, tree.b?.type, tree.l?.mode], ["600", "file", "700"]);
  });

  it("leaves out what only overlayfs may say, and labels of other machines", async () => {
    const xattrs = {
      "trusted.overlay.opaque": "y",
      "trusted.overlay.redirect": "/etc",
      "security.selinux": "x",
      "user.fine": "1",
    };
    const { tree } = await unpackTar([
      { name: "d/", xattrs },
      { name: "f", xattrs },
      { name: "d/.wh..wh.plnk/" },
      { name: "d/.wh..wh.plnk/1.2" },
    ]);
    assert.deepEqual(
      [tree.d?.attributes, tree.f?.attributes],
      [{ "user.fine": "31" }, { "user.fine": "31" }],
    );
    assert.deepEqual(Object.keys(tree), ["", "d", "f"]);
  });

  it("writes through links of the layer as long as they stay in it", async () => {
    const { tree } = await unpackTar([
      { name: "usr/lib/" },
      { name: "lib", flag: "2", link: "usr/lib" },
      { name: "usr/back", flag: "2", link: "../usr/./lib" },
      { name: "lib/a", content: "1" },
      { name: "/usr/back/b", content: "2" },
      { name: "hard", flag: "1", link: "lib/a" },
    ]);
    assert.deepEqual(Object.keys(tree), [
      "",
      "hard",
      "lib",
      "usr",
      "usr/back",
      "usr/lib",
      "usr/lib/a",
      "usr/lib/b",
    ]);
    assert.equal(tree["usr/lib/a"]?.sameAs, "hard");
  });

  describe("refuses an entry that", () => {
    const refused: Record<string, readonly TestEntry[]> = {
      "climbs out": [{ name: "../victim" }],
      "climbs out further in": [{ name: "a/../../victim" }],
      "is a directory above": [{ name: "../" }],
      "goes through an absolute link": [{ name: "l", flag: "2", link: "/tmp" }, { name: "l/victim" }],
      "goes through a link that climbs": [{ name: "l", flag: "2", link: "../.." }, { name: "l/victim" }],
      "goes through a chain of links": [
        { name: "a", flag: "2", link: "." },
        { name: "b", flag: "2", link: "a/.." },
        { name: "b/victim" },
      ],
      "goes through a link that climbs, as a directory": [
        { name: "d/" },
        { name: "d/l", flag: "2", link: "../../x" },
        { name: "d/l/victim/" },
      ],
      "goes round in circles": [
        { name: "a", flag: "2", link: "b" },
        { name: "b", flag: "2", link: "a" },
        { name: "a/x" },
      ],
      "is a hard link outside": [{ name: "l", flag: "1", link: "../../etc/passwd" }],
      "is a hard link through a link outside": [
        { name: "l", flag: "2", link: "/etc" },
        { name: "h", flag: "1", link: "l/passwd" },
      ],
      "is a hard link to a directory": [{ name: "d/" }, { name: "h", flag: "1", link: "d" }],
      "is a hard link to the root": [{ name: "h", flag: "1", link: "/" }],
      "hides the directory above": [{ name: ".wh..." }],
      "hides its own directory": [{ name: "a/.wh.." }],
      "hides nothing at all": [{ name: "a/.wh." }],
      "lies below a whiteout": [{ name: ".wh.a/b" }],
      "lies below a file": [{ name: "f" }, { name: "f/x" }],
      "is the root, but a file": [{ name: "./", flag: "0" }],
      "is the root, but a link": [{ name: ".", flag: "2", link: "/" }],
      "is overlayfs's whiteout": [{ name: "c", flag: "3", device: [0, 0] }],
      "has too long a name": [{ name: "n".repeat(256) }],
      "has too long a path": [{ name: "d/".repeat(2000) }],
      "has too long a path by links": [
        { name: "d/".repeat(1900) },
        { name: "l", flag: "2", link: "d/".repeat(1900) },
        { name: `l/${"e/".repeat(100)}x` },
      ],
    };
    for (const [what, entries] of Object.entries(refused)) {
      it(what, async () => {
        const directory = fixture.newDirectory();
        await assert.rejects(fixture.unpack(chunksOf(buildTar(entries)), directory), ofKind("invalid"));
        assert.deepEqual(readdirSync(directory), ["d"]);
        assert.ok(!existsSync(join(fixture.directory, "victim")) && !existsSync("/tmp/victim"));
      });
    }
  });

  it("writes nothing outside, whatever the entries", async () => {
    const name = fc.constantFrom("a", "b", "c", "..", ".wh.a", ".wh..wh..opq", "/", ".", ".wh...");
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const link = fc.constantFrom("..", "/", "a", "../a", "b/..", "../../victim", "c/a");
    const entry = fc.record({
      name: path,
      flag: fc.constantFrom("0", "0", "1", "2", "5", "5"),
      link,
      content: fc.constant("x"),
    });
    const outside = () =>
      Object.keys(readTree(fixture.directory)).filter((each) => !/^n\d+(\/|$)|^snapshots/.test(each));
    const before = outside();
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 12 }), async (entries) => {
        const directory = fixture.newDirectory();
        const bounded = entries.map((each) => (each.flag === "0" ? each : { ...each, content: "" }));
        await fixture.unpack(chunksOf(buildTar(bounded)), directory).catch(ofKind("invalid"));
        assert.deepEqual(
          readdirSync(directory).filter((each) => each !== "d" && each !== "notes.json"),
          [],
        );
      }),
      { numRuns: 150 },
    );
    assert.deepEqual(outside(), before);
  });
});
