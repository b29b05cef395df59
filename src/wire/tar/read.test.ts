import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import {
  buildTar,
  headerBlock,
  member,
  pad,
  paxHeader,
  sealed,
  type TestEntry,
} from "../../snapshot/testing/build-tar.ts";
import { TarReader } from "./read.ts";
import { corrupt, readTar } from "./testing/read-tar.ts";

const one = (entry: TestEntry) => {
  const [only, ...rest] = readTar(buildTar([entry]));
  assert.deepEqual(rest, []);
  assert.ok(only);
  return only;
};

describe("a tar", () => {
  it("gives names, owners, modes, times and content", () => {
    const entry = one({ name: "a/b", content: "hello", mode: 0o104755, uid: 7, gid: 8, mtime: 1234 });
    assert.equal(entry.name, "a/b");
    assert.equal(entry.type, "file");
    assert.equal(entry.content.toString(), "hello");
    assert.deepEqual([entry.mode, entry.uid, entry.gid], [0o4755, 7, 8]);
    assert.equal(entry.modified, 1_234_000_000_000n);
    assert.equal(entry.accessed, undefined);
  });

  it("is the same however it is cut into chunks", () => {
    const long = "d/".repeat(80);
    const tar = buildTar([
      { name: "a", content: Buffer.alloc(1300, "x") },
      { name: `${long}file`, content: "y", xattrs: { "user.a": "b" } },
      { name: "dir/" },
    ]);
    const whole = readTar(tar);
    assert.equal(whole.length, 3);
    for (const step of [1, 7, 511, 512, 513, 2000]) assert.deepEqual(readTar(tar, step), whole);
  });

  it("knows every type", () => {
    const flags = "01234567".split("").map((flag) => one({ name: "n", flag, link: "l", device: [8, 300] }));
    const types = [
      "file",
      "hardLink",
      "symbolicLink",
      "characterDevice",
      "blockDevice",
      "directory",
      "fifo",
      "file",
    ];
    assert.deepEqual(
      flags.map(({ type }) => type),
      types,
    );
    assert.deepEqual([flags[3]?.deviceMajor, flags[3]?.deviceMinor, flags[0]?.deviceMinor], [8, 300, 0]);
    assert.deepEqual([flags[1]?.linkName, flags[2]?.linkName, flags[0]?.linkName], ["l", "l", ""]);
    assert.equal(one({ name: "old/", flag: "\0" }).type, "directory");
    assert.equal(one({ name: "old", flag: "\0" }).type, "file");
    assert.throws(() => one({ name: "n", flag: "M" }), /unknown type "M"/);
  });

  it("reads a prefix of ustar, and none of GNU", () => {
    const block = (magic: "ustar" | "gnu") => {
      const header = headerBlock({ name: "name", magic }, 0);
      header.write("prefix", 345);
      return Buffer.concat([sealed(header), Buffer.alloc(1024)]);
    };
    assert.equal(readTar(block("ustar"))[0]?.name, "prefix/name");
    assert.equal(readTar(block("gnu"))[0]?.name, "name");
  });

  it("takes numbers in base 256, negative times too", () => {
    const entry = one({ name: "n", uid: 3_000_000, gid: 4_294_967_294, mtime: -5 });
    assert.deepEqual([entry.uid, entry.gid, entry.modified], [3_000_000, 4_294_967_294, -5_000_000_000n]);
    assert.throws(() => one({ name: "n", uid: 4_294_967_295 }), corrupt(/uid of 4294967295/));
    assert.throws(() => one({ name: "n", uid: -1 }), corrupt(/uid/));
    assert.throws(() => one({ name: "n", size: 2 ** 60 }), corrupt(/size/));
    assert.throws(() => one({ name: "n", size: -1 }), corrupt(/negative/));
  });

  it("applies pax records over the header", () => {
    const pax = [
      ["path", "päth"],
      ["uid", "70000"],
      ["gid", "70001"],
      ["mtime", "12.3456789019"],
      ["atime", "-1.5"],
      ["SCHILY.xattr.user.bin", Buffer.from([0, 10, 61, 255])],
      ["LIBARCHIVE.xattr.user.a%3Db", "AQI"],
      ["LIBARCHIVE.xattr.user.bin", "AAAA"],
    ] as const;
    const entry = one({ name: "n", pax });
    assert.equal(Buffer.from(entry.name, "latin1").toString(), "päth");
    assert.deepEqual([entry.uid, entry.gid], [70_000, 70_001]);
    assert.deepEqual([entry.modified, entry.accessed], [12_345_678_901n, -1_500_000_000n]);
    const attributes = [...entry.extendedAttributes].map(([name, value]) => [
      name,
      Buffer.from(value).toString("hex"),
    ]);
    assert.deepEqual(attributes, [
      ["user.a=b", "0102"],
      ["user.bin", "000a3dff"],
    ]);
  });

  it("takes the size from pax", () => {
    const tar = Buffer.concat([
      paxHeader([["size", "5"]]),
      headerBlock({ name: "big" }, 0),
      pad(Buffer.from("hello")),
      Buffer.alloc(1024),
    ]);
    assert.equal(readTar(tar)[0]?.content.toString(), "hello");
  });

  it("keeps global records until they are overridden", () => {
    const tar = Buffer.concat([
      paxHeader(
        [
          ["uid", "5"],
          ["comment", "x"],
        ],
        "g",
      ),
      member({ name: "a" }),
      member({ name: "b", pax: [["uid", "6"]] }),
      paxHeader([["uid", "7"]], "g"),
      member({ name: "c" }),
    ]);
    assert.deepEqual(
      readTar(tar).map(({ uid }) => uid),
      [5, 6, 7],
    );
    assert.throws(() => readTar(paxHeader([["path", "x"]], "g")), corrupt(/every member the same "path"/));
  });

  it("reads long names and links of GNU", () => {
    const name = "n".repeat(300);
    const link = "l".repeat(300);
    const long = (flag: string, text: string) =>
      member({ name: "././@LongLink", flag, content: `${text}\0` });
    const tar = Buffer.concat([
      long("K", link),
      long("L", name),
      member({ name: "short", flag: "2", magic: "gnu" }),
    ]);
    const [entry] = readTar(tar);
    assert.deepEqual([entry?.name, entry?.linkName], [name, link]);
    assert.throws(() => readTar(long("L", "x".repeat(4097))), corrupt(/name of 4098 bytes/));
  });

  it("passes over a hard link's content, whether it is there or not", () => {
    const next = member({ name: "next" });
    const bare = Buffer.concat([member({ name: "l", flag: "1", link: "t", size: 700 }), next]);
    assert.deepEqual(
      readTar(bare).map(({ name }) => name),
      ["l", "next"],
    );
    const full = Buffer.concat([member({ name: "l", flag: "1", link: "t", content: "x".repeat(700) }), next]);
    assert.deepEqual(
      readTar(full).map(({ name }) => name),
      ["l", "next"],
    );
    const last = Buffer.concat([member({ name: "l", flag: "1", link: "t", size: 700 }), Buffer.alloc(1024)]);
    assert.deepEqual(
      readTar(last).map(({ name }) => name),
      ["l"],
    );
  });

  it("ends at the end mark, or without one between members", () => {
    const a = member({ name: "a" });
    assert.equal(readTar(Buffer.concat([a, Buffer.alloc(1024), Buffer.from("whatever follows")])).length, 1);
    assert.equal(readTar(a).length, 1);
    assert.equal(readTar(Buffer.concat([a, Buffer.alloc(512)])).length, 1);
    assert.deepEqual(readTar(Buffer.alloc(0)), []);
    assert.throws(() => readTar(Buffer.concat([a, Buffer.alloc(512), a])), corrupt(/zero block/));
  });

  it("is refused when cut short", () => {
    const tar = member({ name: "x".repeat(200), content: "y".repeat(1000) });
    for (let length = 1; length < tar.length; length++)
      assert.throws(() => readTar(tar.subarray(0, length)), corrupt(/cut short/));
  });

  it("is refused when it is none", () => {
    assert.throws(() => readTar(Buffer.alloc(512, "x")), corrupt(/checksum/));
    assert.throws(() => one({ name: "" }), corrupt(/name is empty/));
    assert.throws(() => one({ name: "n", flag: "2" }), corrupt(/link is empty/));
    assert.throws(() => one({ name: "n", pax: [["path", "a\0b"]] }), corrupt(/NUL/));
    assert.throws(() => one({ name: "n", pax: [["path", "x".repeat(4097)]] }), corrupt(/4097 bytes/));
    assert.throws(() => one({ name: "n", pax: [["size", "1x"]] }), corrupt(/"size" is not a number/));
    assert.throws(() => one({ name: "n", pax: [["mtime", "soon"]] }), corrupt(/not a time/));
    assert.throws(() => one({ name: "n", xattrs: { [`user.${"x".repeat(251)}`]: "" } }), corrupt(/too long/));
    assert.throws(() => readTar(headerBlock({ name: "n", flag: "x" }, 2_000_000)), corrupt(/2000000 bytes/));
    for (const text of ["5 a\n", "x a=b\n", "99 a=b\n", "6a=b\n\n", "7 =bcd\n", "6 a=bc"])
      assert.throws(
        () =>
          readTar(
            Buffer.concat([headerBlock({ name: "p", flag: "x" }, text.length), pad(Buffer.from(text))]),
          ),
        corrupt(/pax record/),
      );
  });
});

describe("the reader", () => {
  /** Ends with members or with a Fault; anything else is a bug. */
  const survives = (tar: Uint8Array, step: number) => {
    const reader = new TarReader({
      entry: () => undefined,
      data: () => undefined,
      entryEnd: () => undefined,
    });
    try {
      for (let at = 0; at < tar.length; at += step) reader.push(tar.subarray(at, at + step));
      reader.end();
    } catch (error) {
      assert.ok(isFault(error, "corrupt", "invalid", "exhausted"), String(error));
    }
  };
  const step = fc.integer({ min: 1, max: 3000 });

  it("survives any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), step, survives));
  });

  it("survives damaged tars, with checksums put right", () => {
    const seed = buildTar([
      { name: "a", content: "x".repeat(600), xattrs: { "user.x": "y" }, mtime: "1.5" },
      {
        name: "s",
        pax: [
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.realsize", "9"],
        ],
        content: pad(Buffer.from("1\n0\n1\n")),
      },
      { name: "old", flag: "S", magic: "gnu" },
      { name: "l", flag: "1", link: "a", size: 100 },
    ]);
    const edits = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(edits, step, fc.nat(seed.length), (changes, size, cut) => {
        const tar = Buffer.from(seed);
        for (const [at, value] of changes) tar[at] = value;
        for (const [at] of changes) {
          const block = Math.floor(at / 512) * 512;
          const header = tar.subarray(block, block + 512);
          if (header.subarray(257, 262).toString() === "ustar") sealed(header);
        }
        survives(tar, size);
        survives(tar.subarray(0, cut), size);
      }),
      { numRuns: 400 },
    );
  });
});
