import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";
import { buildTar } from "./build-tar.ts";
import { asRoot, chunksOf, nameOf, ofKind, SnapshotFixture, type Tried } from "./fixture.ts";
import { stackingCases } from "./stacking-cases.ts";

/**
 * What every snapshotter does, on the file system of `above`.
 *
 * @param ready where to make directories, asked before the first test
 */
export function snapshotterSuite(tried: Tried, where: string, ready: () => string | undefined): void {
  const name = nameOf(tried);
  describe(`${name} on ${where}`, { skip: asRoot }, () => {
    let fixture: SnapshotFixture;
    before(() => {
      fixture = new SnapshotFixture(tried, ready());
    });
    after(() => fixture[Symbol.asyncDispose]());

    it("works here", async () => {
      assert.equal(await fixture.snapshots.probe(), undefined);
      assert.equal(fixture.snapshots.name, name);
    });

    stackingCases(tried, () => fixture);

    it("commits once", async () => {
      const chain = await fixture.layer([{ name: "a", content: "x".repeat(10_000) }]);
      assert.ok(await fixture.snapshots.has(chain));
      assert.ok(!(await fixture.snapshots.has(fixture.newChain())));
      const [one, two] = ["again1", "again2"];
      const other = fixture.newChain();
      for (const ingest of [one, two])
        await fixture.unpack(
          chunksOf(buildTar([{ name: "b" }])),
          await fixture.snapshots.prepareLayer(ingest),
        );
      const usages = await Promise.all(
        [one, two].map((ingest) => fixture.snapshots.commitLayer(ingest, other, chain)),
      );
      assert.deepEqual(usages[0], usages[1]);
      assert.deepEqual((await fixture.snapshots.list()).ingests, []);
    });

    it("does not commit onto what is not there, nor what was not unpacked", async () => {
      const directory = await fixture.snapshots.prepareLayer("half");
      await assert.rejects(fixture.snapshots.prepareLayer("half"), ofKind("alreadyExists"));
      await assert.rejects(
        fixture.snapshots.commitLayer("half", fixture.newChain(), undefined),
        ofKind("wrongState"),
      );
      await fixture.unpack(chunksOf(buildTar([{ name: "b" }])), directory);
      await assert.rejects(
        fixture.snapshots.commitLayer("half", fixture.newChain(), fixture.newChain()),
        ofKind("notFound"),
      );
      assert.deepEqual((await fixture.reopened().list()).ingests, ["half"]);
      await fixture.snapshots.abortLayer("half");
      await fixture.snapshots.abortLayer("half");
      assert.deepEqual((await fixture.reopened().list()).ingests, []);
      await assert.rejects(fixture.snapshots.prepareLayer("../half"), ofKind("invalid"));
    });

    it("gives each container files of its own", async () => {
      const chain = await fixture.stack(
        [
          { name: "./", mode: 0o700, uid: 8 },
          { name: "a", content: "image" },
        ],
        [{ name: "b" }],
      );
      const [one, two] = [fixture.newKey(), fixture.newKey()];
      const roots: string[] = [];
      for (const key of [one, two]) {
        await fixture.snapshots.prepareContainer(key, chain);
        await fixture.snapshots.prepareContainer(key, chain);
        roots.push(await fixture.mount(await fixture.snapshots.mounts(key)));
      }
      const [first = "", second = ""] = roots;
      assert.deepEqual([statSync(first).mode & 0o777, statSync(first).uid], [0o700, 8]);
      const before = await fixture.snapshots.usage(one);
      writeFileSync(join(first, "a"), "changed");
      writeFileSync(join(first, "big"), Buffer.alloc(1_000_000, 1));
      assert.equal(readFileSync(join(second, "a"), "utf8"), "image");
      if (typeof tried === "object") tried.count?.();
      const used = await fixture.snapshots.usage(one);
      assert.ok(used.bytes - before.bytes >= 1_000_000 && used.bytes - before.bytes < 1_200_000);
      assert.ok(used.inodes > before.inodes);
      for (const root of roots) await fixture.unmount(root);
      const again = await fixture.mount(await fixture.reopened().mounts(one));
      assert.equal(readFileSync(join(again, "a"), "utf8"), "changed");
      await fixture.unmount(again);
      const shown = await fixture.view(chain);
      assert.equal(readFileSync(join(shown, "a"), "utf8"), "image");
      assert.throws(() => writeFileSync(join(shown, "a"), "x"), { code: "EROFS" });
      await fixture.unmount(shown);
    });

    it("prepares a container without an image", async () => {
      const key = fixture.newKey();
      await fixture.snapshots.prepareContainer(key, undefined);
      const root = await fixture.mount(await fixture.snapshots.mounts(key));
      writeFileSync(join(root, "x"), "x");
      await fixture.unmount(root);
      await assert.rejects(fixture.snapshots.mounts(fixture.newKey()), ofKind("notFound"));
      await assert.rejects(
        fixture.snapshots.prepareContainer(fixture.newKey(), fixture.newChain()),
        ofKind("notFound"),
      );
      await assert.rejects(
        fixture.snapshots.prepareContainer(key, fixture.newChain()),
        ofKind("alreadyExists"),
      );
    });

    it("removes from the top, and leaves nothing", async () => {
      const base = await fixture.layer([{ name: "a" }]);
      const top = await fixture.layer([{ name: "b" }], base);
      const key = fixture.newKey();
      await fixture.snapshots.prepareContainer(key, top);
      await assert.rejects(fixture.snapshots.remove(top), ofKind("wrongState"));
      await assert.rejects(fixture.snapshots.remove(base), ofKind("wrongState"));
      assert.ok((await fixture.reopened().list()).containers.includes(key));
      for (const each of [key, key, top, top, base]) await fixture.snapshots.remove(each);
      assert.ok(!(await fixture.snapshots.has(base)));
      const left: { committed: ChainId[]; containers: SnapshotKey[] } = await fixture.snapshots.list();
      for (const chain of left.committed) assert.ok(chain !== base && chain !== top);
      assert.ok(!left.containers.includes(key));
      assert.deepEqual(readdirSync(join(fixture.directory, "snapshots", "t")), []);
    });

    it("is closed to other users of the host, and syncs", async () => {
      assert.equal(lstatSync(join(fixture.directory, "snapshots")).mode & 0o777, 0o700);
      await fixture.snapshots.sync();
    });
  });
}
