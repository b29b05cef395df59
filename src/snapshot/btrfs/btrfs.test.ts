import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createSubvolume, destroySubvolume } from "../../linux/btrfs.ts";
import { changesSuite } from "../testing/changes-suite.ts";
import { SnapshotFixture } from "../testing/fixture.ts";
import { LoopDisk, noDisk } from "../testing/loop-disk.ts";
import { mappedSuite } from "../testing/mapped-suite.ts";
import { snapshotterSuite } from "../testing/suite.ts";

describe("snapshots as subvolumes", { skip: noDisk("btrfs") ?? false }, () => {
  let disk: LoopDisk | undefined;
  after(() => disk?.[Symbol.dispose]());
  const ready = () => {
    disk ??= new LoopDisk("btrfs");
    return disk.directory;
  };
  snapshotterSuite("btrfs", "its disk", ready);
  mappedSuite("btrfs", ready);
  changesSuite("btrfs", ready);

  it("removes what a container made subvolumes in", async () => {
    await using fixture = new SnapshotFixture("btrfs", ready());
    assert.equal(await fixture.snapshots.probe(), undefined);
    const key = fixture.newKey();
    await fixture.snapshots.prepareContainer(key, await fixture.layer([{ name: "a" }]));
    const [mount] = await fixture.snapshots.mounts(key);
    const tree = mount?.source ?? assert.fail();
    await createSubvolume(join(tree, "outer"));
    await createSubvolume(join(tree, "outer", "inner"));
    mkdirSync(join(tree, "outer", "inner", "deep", "deeper"), { recursive: true });
    writeFileSync(join(tree, "outer", "inner", "deep", "deeper", "file"), "x");
    await fixture.snapshots.remove(key);
    assert.ok(!existsSync(tree));
  });

  it("clears away what a kill left: subvolumes without a snapshot, snapshots without a subvolume", async () => {
    await using fixture = new SnapshotFixture("btrfs", ready());
    await fixture.snapshots.probe();
    const [kept, lost] = [await fixture.layer([{ name: "a" }]), await fixture.layer([{ name: "b" }])];
    const volumes = join(fixture.snapshots.directory, "v");
    const [mount] = await fixture.snapshots.view(lost);
    await destroySubvolume(mount?.source ?? assert.fail());
    await createSubvolume(join(volumes, "half"));
    const reopened = fixture.reopened();
    assert.equal(await reopened.probe(), undefined);
    assert.deepEqual((await reopened.list()).committed, [kept]);
    assert.equal(readdirSync(volumes).length, 1);
  });
});
