import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { type FaultKind, isFault } from "../base/fault.ts";
import { treeOf } from "./notes.ts";
import { buildTar, type TestEntry } from "./testing/build-tar.ts";
import { asRoot, chunksOf, generous, SnapshotFixture } from "./testing/fixture.ts";
import { readTree } from "./testing/read-tree.ts";
import { openUnpacker } from "./unpacker.ts";

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const kind =
  (wanted: FaultKind, message = /./) =>
  (error: unknown) =>
    (isFault(error, wanted) && message.test(error.message)) || assert.fail(String(error));

const zstd = (bytes: Uint8Array) =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** Too large to be inflated without igzip, and not to be compressed much. */
const large = buildTar([
  { name: "big", content: randomBytes(1_500_000) },
  { name: "end", content: "end" },
]);

describe("the unpacker", { skip: asRoot }, () => {
  let fixture: SnapshotFixture;
  let made = 0;
  before(() => {
    fixture = new SnapshotFixture("overlay");
  });
  after(() => fixture[Symbol.asyncDispose]());

  const fresh = () => {
    const directory = join(fixture.directory, `u${++made}`);
    mkdirSync(directory);
    return directory;
  };
  const unpackTar = async (entries: readonly TestEntry[]) => {
    const directory = fresh();
    const result = await fixture.unpack(chunksOf(buildTar(entries)), directory);
    return { result, tree: readTree(treeOf(directory)) };
  };

  for (const [name, pack] of [
    ["gzip", (tar: Uint8Array) => gzipSync(tar)],
    [
      "gzip of several members",
      (tar: Uint8Array) =>
        Buffer.concat([gzipSync(tar.subarray(0, 1_000_000)), gzipSync(tar.subarray(1_000_000))]),
    ],
    ["gzip with an empty last member", (tar: Uint8Array) => Buffer.concat([gzipSync(tar), gzipSync("")])],
    ["zstd", (tar: Uint8Array) => zstd(tar)],
    [
      "zstd of several frames",
      (tar: Uint8Array) => Buffer.concat([zstd(tar.subarray(0, 99)), zstd(tar.subarray(99))]),
    ],
    ["no compression", (tar: Uint8Array) => tar],
  ] as const) {
    describe(name, () => {
      for (const [size, tar] of [
        ["small", buildTar([{ name: "end", content: "end" }])],
        ["large", large],
      ] as const) {
        it(`${size}: is inflated, hashed and unpacked in one pass`, async () => {
          const blob = pack(tar);
          for (const igzip of ["/usr/bin/igzip", undefined]) {
            const directory = fresh();
            const keepBlobAt = join(fixture.directory, `blob${made}`);
            let progress = 0;
            const result = await openUnpacker(fixture.workers, igzip).unpackLayer(
              {
                source: chunksOf(blob),
                directory,
                limits: generous,
                mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
                keepBlobAt,
                progress: (done) => (progress = done),
              },
              AbortSignal.timeout(20_000),
            );
            assert.deepEqual([result.blobDigest, result.blobSize], [sha256(blob), blob.length]);
            assert.deepEqual([result.diffId, result.unpackedBytes], [sha256(tar), tar.length]);
            assert.equal(result.files, size === "small" ? 1 : 2);
            assert.equal(progress, blob.length);
            assert.equal(readFileSync(join(treeOf(directory), "end"), "utf8"), "end");
            assert.ok(readFileSync(keepBlobAt).equals(blob));
          }
        });
      }

      if (name === "no compression") return;
      it("is refused when cut short, damaged, or followed by anything", async () => {
        const small = pack(buildTar([{ name: "x", content: randomBytes(2000) }]));
        for (const whole of [small, pack(large)]) {
          const damaged = Buffer.from(whole);
          for (let i = 0; i < 64; i++) damaged[(whole.length >> 1) + i] = 0xff;
          const bad = {
            "cut in half": whole.subarray(0, whole.length >> 1),
            "cut by a byte": whole.subarray(0, -1),
            damaged,
            "and text": Buffer.concat([whole, Buffer.from("garbage")]),
            "and zeros": Buffer.concat([whole, Buffer.alloc(100)]),
            "and much more": Buffer.concat([whole, randomBytes(300_000)]),
          };
          for (const [what, blob] of Object.entries(bad))
            await assert.rejects(
              fixture.unpack(chunksOf(blob), fresh()),
              kind("corrupt"),
              `${what}: ${whole.length}`,
            );
        }
      });
    });
  }

  it("reads a file by itself", async () => {
    const file = join(fixture.directory, "blob");
    writeFileSync(file, gzipSync(large));
    const result = await fixture.unpack({ file }, fresh());
    assert.equal(result.diffId, sha256(large));
    await assert.rejects(fixture.unpack({ file: `${file}-not` }, fresh()), kind("notFound", /blob-not/));
  });

  it("knows the media types of layers", async () => {
    const tar = buildTar([{ name: "a" }]);
    for (const mediaType of ["text/plain", "application/vnd.oci.image.layer.v1.tar+encrypted", ""])
      await assert.rejects(
        fixture.unpack(chunksOf(tar), fresh(), { mediaType }),
        kind("invalid", /media type/),
      );
    await assert.rejects(
      fixture.unpack(chunksOf(Buffer.from("no tar".repeat(200))), fresh()),
      kind("corrupt"),
    );
    await assert.rejects(
      fixture.unpack(chunksOf(tar.subarray(0, 200)), fresh()),
      kind("corrupt", /cut short/),
    );
  });

  it("keeps within limits", async () => {
    const limits = { maxUnpacked: 100_000, maxFiles: 10 };
    const bomb = gzipSync(buildTar([{ name: "zeros", content: Buffer.alloc(1_000_000) }]));
    await assert.rejects(
      fixture.unpack(chunksOf(bomb), fresh(), { limits }),
      kind("exhausted", /100000 bytes/),
    );
    const many = buildTar(Array.from({ length: 11 }, (_, i) => ({ name: `f${i}` })));
    await assert.rejects(
      fixture.unpack(chunksOf(many), fresh(), { limits }),
      kind("exhausted", /10 entries/),
    );
    const sparse = buildTar([
      {
        name: "s",
        pax: [
          ["GNU.sparse.size", "99999999999"],
          ["GNU.sparse.map", ""],
        ],
      },
    ]);
    await assert.rejects(
      fixture.unpack(chunksOf(sparse), fresh(), { limits }),
      kind("exhausted", /files take/),
    );
  });

  it("says so when the disk is full", async () => {
    const disk = await fixture.mount([{ type: "tmpfs", source: "tmpfs", options: ["size=1m"] }]);
    mkdirSync(join(disk, "ingest"));
    await assert.rejects(
      fixture.unpack(chunksOf(gzipSync(large)), join(disk, "ingest")),
      kind("exhausted", /"big"/),
    );
    const keepBlobAt = join(disk, "blob");
    await assert.rejects(
      fixture.unpack(chunksOf(gzipSync(large)), fresh(), { keepBlobAt }),
      kind("exhausted", /blob/),
    );
    await fixture.unmount(disk);
  });

  it("stops when aborted, and closes the source", async () => {
    let closed = false;
    const endless = (async function* () {
      try {
        yield gzipSync(large).subarray(0, 1_000_000);
        for (;;) {
          await sleep(1);
          yield Buffer.alloc(0);
        }
      } finally {
        closed = true;
      }
    })();
    const stop = new AbortController();
    const unpacking = fixture.unpack(endless, fresh(), {}, stop.signal);
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(unpacking, kind("cancelled"));
    await sleep(20);
    assert.ok(closed);
    await assert.rejects(
      fixture.unpack(chunksOf(large), fresh(), {}, AbortSignal.abort()),
      kind("cancelled"),
    );
    const late = AbortSignal.timeout(30);
    const hanging = {
      async *[Symbol.asyncIterator]() {
        yield large.subarray(0, 5000);
        await new Promise(() => undefined);
      },
    };
    await assert.rejects(fixture.unpack(hanging, fresh(), {}, late), kind("deadline"));
  });

  it("passes on what the source throws", async () => {
    const broken = (async function* () {
      yield large.subarray(0, 100_000);
      throw new RangeError("the line is dead");
    })();
    await assert.rejects(fixture.unpack(broken, fresh()), RangeError);
  });

  it("takes no more from the source than it can write", async () => {
    let taken = 0;
    let seen = 0;
    let most = 0;
    const tar = buildTar([{ name: "f", content: Buffer.alloc(40_000_000) }]);
    const counted = (async function* () {
      for await (const chunk of chunksOf(tar)) {
        taken += chunk.length;
        most = Math.max(most, taken - seen);
        yield chunk;
      }
    })();
    await fixture.unpack(counted, fresh(), { progress: (done) => (seen = done) });
    assert.ok(most < 6_000_000, `${most} bytes were under way`);
  });

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
    const directory = fresh();
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
        const directory = fresh();
        await assert.rejects(fixture.unpack(chunksOf(buildTar(entries)), directory), kind("invalid"));
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
      Object.keys(readTree(fixture.directory)).filter((each) => !/^u\d+(\/|$)|^snapshots/.test(each));
    const before = outside();
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 12 }), async (entries) => {
        const directory = fresh();
        const bounded = entries.map((each) => (each.flag === "0" ? each : { ...each, content: "" }));
        await fixture.unpack(chunksOf(buildTar(bounded)), directory).catch(kind("invalid"));
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
