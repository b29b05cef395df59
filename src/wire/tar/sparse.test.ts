import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { headerBlock, member, pad, sealed } from "../../snapshot/testing/build-tar.ts";
import { corrupt, readTar } from "./testing/read-tar.ts";

describe("a sparse file", () => {
  const data = Buffer.concat([Buffer.alloc(512, "a"), Buffer.alloc(100, "b")]);
  const expected = Buffer.concat([
    Buffer.alloc(1000),
    Buffer.alloc(512, "a"),
    Buffer.alloc(488),
    Buffer.alloc(100, "b"),
    Buffer.alloc(900),
  ]);
  const runs = [
    { offset: 1000, length: 512 },
    { offset: 2000, length: 100 },
    { offset: 3000, length: 0 },
  ];
  const check = (tar: Buffer) => {
    for (const step of [tar.length, 100]) {
      const [file, next] = readTar(tar, step);
      assert.deepEqual([file?.name, file?.size, file?.sparse], ["sparse", 3000, runs]);
      assert.ok(file?.content.equals(expected));
      assert.equal(next?.name, "next");
    }
  };
  const next = member({ name: "next" });

  it("of format 0.0 is read", () => {
    const pax: [string, string][] = [
      ["GNU.sparse.size", "3000"],
      ["GNU.sparse.numblocks", "3"],
    ];
    for (const { offset, length } of runs)
      pax.push(["GNU.sparse.offset", String(offset)], ["GNU.sparse.numbytes", String(length)]);
    check(Buffer.concat([member({ name: "sparse", pax, content: data }), next]));
  });

  it("of format 0.1 is read", () => {
    const pax: [string, string][] = [
      ["GNU.sparse.size", "3000"],
      ["GNU.sparse.map", "1000,512,2000,100,3000,0"],
      ["GNU.sparse.name", "sparse"],
    ];
    check(Buffer.concat([member({ name: "GNUSparseFile.1/x", pax, content: data }), next]));
  });

  it("of format 1.0 is read", () => {
    const pax: [string, string][] = [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "sparse"],
      ["GNU.sparse.realsize", "3000"],
    ];
    const map = pad(Buffer.from("3\n1000\n512\n2000\n100\n3000\n0\n"));
    check(
      Buffer.concat([member({ name: "GNUSparseFile.1/x", pax, content: Buffer.concat([map, data]) }), next]),
    );
    const many = Array.from({ length: 200 }, (_, i) => `${i * 10}\n1\n`).join("");
    const long = Buffer.concat([pad(Buffer.from(`200\n${many}`)), Buffer.alloc(200, "z")]);
    assert.equal(readTar(member({ name: "s", pax, content: long }))[0]?.sparse?.length, 200);
  });

  it("of the old GNU format is read, with blocks that carry on", () => {
    const header = headerBlock({ name: "sparse", flag: "S", magic: "gnu" }, data.length);
    const put = (block: Buffer, at: number, value: number) =>
      block.write(`${value.toString(8).padStart(11, "0")}\0`, at);
    const extension = Buffer.alloc(512);
    runs.slice(0, 2).forEach(({ offset, length }, i) => {
      put(header, 386 + i * 24, offset);
      put(header, 398 + i * 24, length);
    });
    put(extension, 0, 3000);
    put(extension, 12, 0);
    header[482] = 1;
    put(header, 483, 3000);
    check(Buffer.concat([sealed(header), extension, pad(data), next]));
  });

  it("is refused when its map is not sound", () => {
    const sparse = (map: string, size = "3000") =>
      member({
        name: "s",
        pax: [
          ["GNU.sparse.size", size],
          ["GNU.sparse.map", map],
        ],
        content: data,
      });
    assert.throws(() => readTar(sparse("1000,512,1200,100")), corrupt(/out of bounds/));
    assert.throws(() => readTar(sparse("1000,512,2950,100")), corrupt(/out of bounds/));
    assert.throws(() => readTar(sparse("1000,512")), corrupt(/does not fit/));
    assert.throws(() => readTar(sparse("1000,512,3")), corrupt(/odd number/));
    assert.throws(() => readTar(sparse("1000,512,2000,100", "9007199254740993")), corrupt(/not a number/));
    const major = [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
    ] as const;
    assert.throws(() => readTar(member({ name: "s", pax: major })), corrupt(/no size/));
    const real = [...major, ["GNU.sparse.realsize", "5"]] as const;
    assert.throws(
      () => readTar(member({ name: "s", pax: real, content: "x".repeat(600) })),
      corrupt(/no numbers/),
    );
    assert.throws(
      () => readTar(member({ name: "s", pax: real, content: `999\n${"1\n".repeat(254)}` })),
      corrupt(/longer/),
    );
  });
});
