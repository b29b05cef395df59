import assert from "node:assert/strict";
import {
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";
import { setExtendedAttribute } from "../../linux/extended-attributes.ts";
import { packFiles } from "../../linux/pack-files.ts";
import { hostProcesses } from "../../linux/processes.ts";
import { buildTar } from "./build-tar.ts";
import { asRoot, chunksOf, nameOf, SnapshotFixture, type Tried } from "./fixture.ts";
import { readTree } from "./read-tree.ts";

const image = [
  [
    { name: "kept", content: "as it was" },
    { name: "changed", content: "old" },
    { name: "gone", content: "x" },
    { name: "directory/" },
    { name: "directory/inner" },
    { name: "emptied/" },
    { name: "emptied/a" },
    { name: "emptied/b" },
    { name: "linked", content: "one inode" },
  ],
  [{ name: "emptied/c" }, { name: "other/" }, { name: "other/below" }, { name: "replaced" }],
];

/** What a container may do to its files. */
function change(root: string): void {
  const at = (path: string) => join(root, path);
  writeFileSync(at("changed"), "new content");
  rmSync(at("gone"));
  rmSync(at("directory"), { recursive: true });
  rmSync(at("emptied"), { recursive: true });
  mkdirSync(at("emptied"), { mode: 0o750 });
  writeFileSync(at("emptied/b"), "b again");
  rmSync(at("replaced"));
  symlinkSync("kept", at("replaced"));
  mkdirSync(at("made/deep"), { recursive: true });
  writeFileSync(at("made/deep/file"), "x".repeat(70_000), { mode: 0o4755 });
  setExtendedAttribute(at("made/deep/file"), "user.note", Buffer.from("of a container"));
  chownSync(at("made/deep"), 12, 34);
  writeFileSync(Buffer.from(`${root}/made/n\xf6n-utf8`, "latin1"), "");
  writeFileSync(at("made/holes"), "begin");
  truncateSync(at("made/holes"), 10_000_000);
  linkSync(at("made/holes"), at("made/same"));
  renameSync(at("other/below"), at("other/renamed"));
  utimesSync(at("made/deep"), 1, 2);
}

/** What every snapshotter tells of a container's changes, and makes of them again. */
export function changesSuite(tried: Tried, ready: () => string | undefined = () => undefined): void {
  describe(`${nameOf(tried)}: what a container has changed`, { skip: asRoot }, () => {
    async function packed(fixture: SnapshotFixture, key: SnapshotKey, except: readonly string[]) {
      const list = join(fixture.directory, fixture.newName());
      const to = join(fixture.directory, fixture.newName());
      await using changes = await fixture.snapshots.changes(key, { list, except });
      const { directory, deleted } = changes;
      const path = process.env.PATH ?? "";
      await packFiles({ directory, list, to, path }, hostProcesses(), AbortSignal.timeout(30_000));
      return { tar: readFileSync(to), deleted, listed: readFileSync(list, "latin1").split("\0") };
    }

    async function changedAgain(
      fixture: SnapshotFixture,
      chain: ChainId | undefined,
      { tar, deleted }: { tar: Buffer; deleted: readonly string[] },
    ) {
      const whiteouts = buildTar(deleted.map((path) => ({ name: path.replace(/[^/]*$/, ".wh.$&") })));
      const layer = Buffer.concat([whiteouts.subarray(0, whiteouts.length - 1024), tar]);
      const ingest = fixture.newName();
      const mediaType = "application/vnd.oci.image.layer.v1.tar";
      await fixture.unpack(chunksOf(layer), await fixture.snapshots.prepareLayer(ingest), { mediaType });
      const key = fixture.newKey();
      await fixture.snapshots.prepareChanged(key, chain, ingest);
      return { key, root: await fixture.mount(await fixture.snapshots.mounts(key)) };
    }

    it("is listed, and made anew on the same image: equal in all, and it goes on from there", async () => {
      await using fixture = new SnapshotFixture(tried, ready());
      assert.equal(await fixture.snapshots.probe(), undefined);
      const chain = await fixture.stack(...image);
      const key = fixture.newKey();
      await fixture.snapshots.prepareContainer(key, chain);
      const root = await fixture.mount(await fixture.snapshots.mounts(key));
      change(root);
      const found = await packed(fixture, key, []);
      assert.ok(!found.listed.includes("./kept"), "what is the image's is not listed");
      const again = await changedAgain(fixture, chain, found);
      assert.deepEqual(readTree(again.root), readTree(root));
      assert.deepEqual((await fixture.snapshots.list()).ingests, []);
      // and what it changes then, the image's files included, is its own
      writeFileSync(join(again.root, "kept"), "changed later");
      const later = await changedAgain(fixture, chain, await packed(fixture, again.key, []));
      assert.deepEqual(readTree(later.root), readTree(again.root));
      assert.equal(readFileSync(join(root, "kept"), "utf8"), "as it was");
    });

    it("passes over mount points, and works without an image", async () => {
      await using fixture = new SnapshotFixture(tried, ready());
      await fixture.snapshots.probe();
      const key = fixture.newKey();
      await fixture.snapshots.prepareContainer(key, undefined);
      const root = await fixture.mount(await fixture.snapshots.mounts(key));
      mkdirSync(join(root, "etc"));
      for (const file of ["etc/hosts", "etc/mine"]) writeFileSync(join(root, file), "");
      const found = await packed(fixture, key, ["etc/hosts"]);
      assert.deepEqual(found.listed, ["./", "./etc", "./etc/mine", ""]);
      assert.deepEqual(found.deleted, []);
      const again = await changedAgain(fixture, undefined, found);
      rmSync(join(root, "etc/hosts"));
      assert.deepEqual(Object.keys(readTree(again.root)), ["", "etc", "etc/mine"]);
    });
  });
}
