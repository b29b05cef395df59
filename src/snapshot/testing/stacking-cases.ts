import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import type { TestEntry } from "./build-tar.ts";
import { ofKind, type SnapshotFixture, type Tried } from "./fixture.ts";
import { readTree } from "./read-tree.ts";

/** What layers show together that lie on each other (OCI image spec, layer: whiteouts, and what tars leave out). */
export function stackingCases(tried: Tried, fixture: () => SnapshotFixture): void {
  const show = async (...layers: readonly (readonly TestEntry[])[]) => {
    const target = await fixture().view(await fixture().stack(...layers));
    const tree = readTree(target);
    await fixture().unmount(target);
    return tree;
  };
  const names = async (...layers: readonly (readonly TestEntry[])[]) =>
    Object.keys(await show(...layers)).filter((path) => path !== "");

  it("merges layers", async () => {
    const tree = await show(
      [
        { name: "./", mode: 0o751, uid: 3, gid: 4, mtime: 50 },
        { name: "a", content: "old" },
        { name: "b", content: "b" },
      ],
      [
        { name: "a", content: "new", mode: 0o6755, uid: 1, gid: 2, mtime: "99.123456789" },
        { name: "d/", mode: 0o700, mtime: 77 },
        { name: "d/x" },
      ],
    );
    assert.deepEqual(Object.keys(tree), ["", "a", "b", "d", "d/x"]);
    assert.deepEqual([tree[""]?.mode, tree[""]?.owner, tree[""]?.modified], ["751", "3:4", "50000000000"]);
    const { mode, owner, modified } = tree.a ?? {};
    const wanted = typeof tried === "object" && tried.wholeSeconds ? "99000000000" : "99123456789";
    assert.deepEqual({ mode, owner, modified }, { mode: "6755", owner: "1:2", modified: wanted });
    assert.equal(tree.d?.modified, "77000000000");
  });

  it("hides what a whiteout names", async () => {
    const below = [
      { name: "a" },
      { name: "d/" },
      { name: "d/x" },
      { name: "d/y" },
      { name: "e/" },
      { name: "e/z" },
    ];
    assert.deepEqual(
      await names(below, [{ name: ".wh.a" }, { name: "d/" }, { name: "d/.wh.x" }, { name: ".wh.e" }]),
      ["d", "d/y"],
    );
    assert.deepEqual(await names(below, [{ name: ".wh.nothing" }, { name: "d/.wh.nothing" }]), [
      "a",
      "d",
      "d/x",
      "d/y",
      "e",
      "e/z",
    ]);
    assert.deepEqual(await names([{ name: ".wh.a" }, { name: "b" }]), ["b"]);
  });

  it("empties opaque directories, but for what the layer brings", async () => {
    const below = [{ name: "d/", mode: 0o700 }, { name: "d/x" }, { name: "d/s/" }, { name: "d/s/y" }];
    assert.deepEqual(await names(below, [{ name: "d/.wh..wh..opq" }]), ["d"]);
    assert.deepEqual(await names(below, [{ name: "d/new" }, { name: "d/.wh..wh..opq" }]), ["d", "d/new"]);
    const tree = await show(below, [{ name: "d/s/new" }, { name: "d/.wh..wh..opq" }]);
    assert.deepEqual(Object.keys(tree), ["", "d", "d/s", "d/s/new"]);
    assert.deepEqual([tree.d?.mode, tree["d/s"]?.mode], ["700", "755"]);
  });

  it("keeps a directory apart that is hidden and made again", async () => {
    const below = [{ name: "d/", mode: 0o700 }, { name: "d/x" }];
    for (const layer of [
      [{ name: ".wh.d" }, { name: "d/" }, { name: "d/new" }],
      [{ name: "d/" }, { name: "d/new" }, { name: ".wh.d" }],
      [{ name: ".wh.d" }, { name: "d/new" }],
      [{ name: "d/new" }, { name: ".wh.d" }],
      [{ name: "d" }, { name: "d/" }, { name: "d/new" }],
    ]) {
      const tree = await show(below, layer);
      assert.deepEqual(Object.keys(tree), ["", "d", "d/new"]);
      assert.notEqual(tree.d?.mode, "700");
    }
  });

  it("replaces files by directories and the other way round", async () => {
    assert.deepEqual(
      await names(
        [{ name: "d/" }, { name: "d/x" }, { name: "f" }],
        [{ name: "d" }, { name: "f/" }, { name: "f/y" }],
      ),
      ["d", "f", "f/y"],
    );
  });

  it("gives implicit parents the looks of the layers below", async () => {
    const tree = await show(
      [
        { name: "./", mode: 0o711, mtime: 11 },
        { name: "a/", mode: 0o750, uid: 5, gid: 6, mtime: 22, xattrs: { "user.k": "v" } },
        { name: "a/b/", mode: 0o1777, mtime: 33 },
      ],
      [{ name: "other" }],
      [{ name: "a/b/c/d", content: "x" }],
    );
    const look = ({ mode, owner, modified, attributes } = tree[""] ?? assert.fail()) => [
      mode,
      owner,
      modified,
      attributes,
    ];
    assert.deepEqual(look(tree[""]), ["711", "0:0", "11000000000", {}]);
    assert.deepEqual(look(tree.a), ["750", "5:6", "22000000000", { "user.k": "76" }]);
    assert.deepEqual(look(tree["a/b"]), ["1777", "0:0", "33000000000", {}]);
    assert.deepEqual(look(tree["a/b/c"]), ["755", "0:0", "0", {}]);
  });

  it("links files of the layers below", async () => {
    const tree = await show(
      [
        { name: "d/", mtime: 5 },
        { name: "d/f", content: "data", mode: 0o4711, uid: 9, mtime: 7 },
        { name: "l", flag: "2", link: "d" },
      ],
      [
        { name: "x", flag: "1", link: "d/f" },
        { name: "y", flag: "1", link: "/l/f" },
        { name: "z", flag: "1", link: "x" },
      ],
    );
    assert.deepEqual(
      ["x", "y", "z"].map((path) => tree[path]?.sameAs),
      ["d/f", "d/f", "d/f"],
    );
    const { mode, owner, modified } = tree.x ?? {};
    assert.deepEqual([mode, owner, modified, tree.d?.modified], ["4711", "9:0", "7000000000", "5000000000"]);
  });

  it("refuses a link to what is nowhere, or hidden, or a directory", async () => {
    const link = (target: string) => ({ name: "x", flag: "1", link: target });
    await assert.rejects(fixture().stack([link("nowhere")]), ofKind("invalid"));
    await assert.rejects(fixture().stack([{ name: "f" }], [{ name: ".wh.f" }, link("f")]), ofKind("invalid"));
    await assert.rejects(fixture().stack([{ name: "d/" }], [link("d")]), ofKind("invalid"));
  });

  it("follows links of the layers below, within the image", async () => {
    const tree = await show(
      [
        { name: "usr/", mtime: 1 },
        { name: "usr/bin/", mode: 0o751, mtime: 2 },
        { name: "usr/bin/old" },
        { name: "bin", flag: "2", link: "usr/bin" },
        { name: "run/" },
        { name: "var/" },
        { name: "var/run", flag: "2", link: "/run" },
        { name: "dangling", flag: "2", link: "../../made/here" },
      ],
      [
        { name: "bin/new", mtime: 9 },
        { name: "bin/.wh.old" },
        { name: "var/run/x/y" },
        { name: "dangling/f" },
        { name: "bin/hard", flag: "1", link: "bin/new" },
      ],
    );
    assert.deepEqual(Object.keys(tree), [
      "",
      "bin",
      "dangling",
      "made",
      "made/here",
      "made/here/f",
      "run",
      "run/x",
      "run/x/y",
      "usr",
      "usr/bin",
      "usr/bin/hard",
      "usr/bin/new",
      "var",
      "var/run",
    ]);
    assert.deepEqual([tree.bin?.type, tree.dangling?.type, tree["var/run"]?.type], ["link", "link", "link"]);
    assert.deepEqual(
      [tree["usr/bin"]?.mode, tree["usr/bin"]?.modified, tree.usr?.modified],
      ["751", "2000000000", "1000000000"],
    );
    assert.equal(tree["usr/bin/new"]?.sameAs, "usr/bin/hard");
  });

  it("merges what comes by a link with what comes by the name", async () => {
    const below = [{ name: "usr/" }, { name: "usr/lib/" }, { name: "lib", flag: "2", link: "usr/lib" }];
    const tree = await show(below, [
      { name: "lib/a/x" },
      { name: "lib/same", content: "link" },
      { name: "usr/lib/a/y" },
      { name: "usr/lib/same", content: "name" },
    ]);
    assert.deepEqual(
      Object.keys(tree).filter((path) => path.startsWith("usr/lib/")),
      ["usr/lib/a", "usr/lib/a/x", "usr/lib/a/y", "usr/lib/same"],
    );
    assert.equal(tree["usr/lib/same"]?.content, (await show([{ name: "f", content: "name" }])).f?.content);
  });

  it("refuses links of the layers below that go round in circles", async () => {
    const below = [
      { name: "a", flag: "2", link: "b" },
      { name: "b", flag: "2", link: "a" },
    ];
    await assert.rejects(fixture().stack(below, [{ name: "a/x" }]), ofKind("invalid"));
  });

  it("touches nothing outside, whatever links of the layers below say", async () => {
    const victim = join(fixture().directory, "victim");
    writeFileSync(victim, "safe");
    const below = [
      { name: "evil", flag: "2", link: fixture().directory },
      { name: "up", flag: "2", link: "../../../../../../.." },
    ];
    const tree = await show(below, [
      { name: "evil/" },
      { name: "evil/.wh.victim" },
      { name: `up${fixture().directory}/.wh.victim` },
      { name: `up${fixture().directory}/other` },
    ]);
    assert.equal(readFileSync(victim, "utf8"), "safe");
    assert.ok(!existsSync(join(fixture().directory, "other")));
    assert.ok(tree[`${fixture().directory.slice(1)}/other`]);
  });
}
