import { after, describe } from "node:test";
import { openSnapshotter } from "../open.ts";
import { changesSuite } from "../testing/changes-suite.ts";
import { type Tried, testTools, usualSettings } from "../testing/fixture.ts";
import { snapshotterSuite } from "../testing/suite.ts";
import { noZfs, TestZfsPool } from "../testing/zfs-pool.ts";

const skip = noZfs() ?? false;
if (skip) process.stderr.write(`\n*** the snapshotter zfs: ${skip} ***\n\n`);

// User namespaces are not tried: zfs-fuse can't show files with other ids.
describe("snapshots as datasets", { skip }, () => {
  let pool: TestZfsPool | undefined;
  after(() => pool?.[Symbol.dispose]());
  const ready = () => {
    pool ??= new TestZfsPool();
    return undefined;
  };
  const tried: Tried = {
    name: "zfs",
    open: (directory, workers) => {
      const settings = { ...usualSettings, zfs: { dataset: pool?.name ?? "" } };
      return openSnapshotter("zfs", directory, { workers, tools: testTools, settings });
    },
    get wholeSeconds() {
      return pool?.isFuse ?? false;
    },
    count: () => pool?.count(),
  };
  snapshotterSuite(tried, "a pool in a file", ready);
  changesSuite(tried, ready);
});
