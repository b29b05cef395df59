import { after, describe } from "node:test";
import { openSnapshotter } from "../open.ts";
import { changesSuite } from "../testing/changes-suite.ts";
import { type Tried, testTools, usualSettings } from "../testing/fixture.ts";
import { mappedSuite } from "../testing/mapped-suite.ts";
import { snapshotterSuite } from "../testing/suite.ts";
import { noThinPool, TestThinPool } from "../testing/thin-pool.ts";

const skip = noThinPool() ?? false;
if (skip) process.stderr.write(`\n*** the snapshotter devmapper: ${skip} ***\n\n`);

describe("snapshots on thin devices", { skip }, () => {
  let pool: TestThinPool | undefined;
  after(() => pool?.[Symbol.dispose]());
  const ready = () => {
    pool ??= new TestThinPool();
    return undefined;
  };
  const tried: Tried = {
    name: "devmapper",
    open: (directory, workers) => {
      const devmapper = { ...usualSettings.devmapper, pool: pool?.name ?? "", baseSize: 536_870_912 };
      const settings = { ...usualSettings, devmapper };
      return openSnapshotter("devmapper", directory, { workers, tools: testTools, settings });
    },
  };
  snapshotterSuite(tried, "ext4", ready);
  mappedSuite(tried, ready);
  changesSuite(tried, ready);
});
