import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { changesSuite } from "../testing/changes-suite.ts";
import { asRoot, SnapshotFixture } from "../testing/fixture.ts";
import { mappedSuite } from "../testing/mapped-suite.ts";
import { snapshotterSuite } from "../testing/suite.ts";

snapshotterSuite("overlay", "the temporary directory", () => undefined);
mappedSuite("overlay");
changesSuite("overlay");

describe("an overlay that a container writes to", { skip: asRoot }, () => {
  it("has nothing synced when it is unmounted, and is mounted once more all the same", async () => {
    await using fixture = new SnapshotFixture("overlay");
    assert.equal(await fixture.snapshots.probe(), undefined);
    const key = fixture.newKey();
    await fixture.snapshots.prepareContainer(key, await fixture.stack([{ name: "file" }]));
    for (const times of ["once", "twice"]) {
      const root = await fixture.mount(await fixture.snapshots.mounts(key));
      const mounted = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
      assert.match(mounted.find((line) => line.includes(` ${root} `)) ?? "", /volatile/);
      if (times === "twice") assert.equal(readFileSync(join(root, "made"), "utf8"), "once");
      writeFileSync(join(root, "made"), times);
      await fixture.unmount(root);
    }
  });
});
