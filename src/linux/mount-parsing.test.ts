import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { lowerDirectories, parseMountOptions, shortenLowerDirectories } from "./mount-options.ts";
import { mountsBelow, parseMountinfo } from "./mountinfo.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("parseMountinfo", () => {
  it("reads a line with any number of optional fields", () => {
    const text = [
      "22 1 8:1 / / rw,relatime - ext4 /dev/vda1 rw,errors=remount-ro",
      "30 22 0:26 /x /run/a\\040b rw - tmpfs tmpfs rw",
      "31 22 0:27 net:[4026532] /run/ns/net rw shared:7 master:2 propagate_from:1 - nsfs nsfs rw",
      "",
    ].join("\n");
    const [root, short, pin] = parseMountinfo(bytes(text));
    assert.deepEqual(root, {
      id: 22,
      parent: 1,
      root: "/",
      target: "/",
      options: "rw,relatime",
      type: "ext4",
      source: "/dev/vda1",
      superOptions: "rw,errors=remount-ro",
      isShared: false,
    });
    assert.equal(short?.target, "/run/a b");
    assert.deepEqual(
      [pin?.target, pin?.type, pin?.root, pin?.isShared],
      ["/run/ns/net", "nsfs", "net:[4026532]", true],
    );
    assert.deepEqual(parseMountinfo(bytes("1 2 0:1 / /x\n")), []);
  });

  it("brings any name back", () => {
    const escaped = (name: string) =>
      Buffer.from(name, "utf8")
        .toString("latin1")
        .replaceAll(/[ \t\n\\#]/g, (char) => {
          return `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`;
        });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
        const line = `30 22 0:26 / /${escaped(name)} rw - tmpfs none rw`;
        assert.equal(parseMountinfo(bytes(line))[0]?.target, `/${name.toWellFormed()}`);
      }),
    );
  });

  it("puts what is mounted on another before it, whatever their ids", () => {
    const line = (id: number, parent: number, target: string) =>
      `${id} ${parent} 0:1 / ${target} rw - tmpfs t rw`;
    const entries = parseMountinfo(
      bytes(
        [line(9, 1, "/a"), line(5, 9, "/a"), line(3, 5, "/a/b"), line(4, 1, "/ab"), line(2, 3, "/a/b")].join(
          "\n",
        ),
      ),
    );
    assert.deepEqual(
      mountsBelow(entries, "/a").map(({ id }) => id),
      [2, 3, 5, 9],
    );
    assert.equal(mountsBelow(entries, "/").length, 5);
  });
});

describe("parseMountOptions", () => {
  it("tells flags, propagation and data apart; a later one wins", () => {
    assert.deepEqual(parseMountOptions(["ro", "nosuid", "rslave", "mode=755", "rw", "size=1m", ""]), {
      flags: 2,
      propagation: [0x80000 | 0x4000],
      data: "mode=755,size=1m",
    });
  });
});

describe("lower directories", () => {
  it("keeps escaped colons in names", () => {
    assert.deepEqual(lowerDirectories("/a\\:b:/c\\\\:/d"), ["/a:b", "/c\\", "/d"]);
  });

  it("replaces only the lower directories", () => {
    const short = shortenLowerDirectories(
      "index=off,lowerdir=/a:/b,upperdir=/lowerdir=/a",
      (name) => `${name}${name}`,
    );
    assert.equal(short, "index=off,lowerdir=/a/a:/b/b,upperdir=/lowerdir=/a");
  });
});
