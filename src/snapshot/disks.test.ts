import { after, describe } from "node:test";
import { type DiskType, LoopDisk, noDisk } from "./testing/loop-disk.ts";
import { snapshotterSuite } from "./testing/suite.ts";

/** The disks that nodes have, whatever this machine's own is. */
const disks: readonly DiskType[] = ["ext4", "xfs", "btrfs"];

for (const type of disks) {
  describe(`snapshots on ${type}`, { skip: noDisk(type) ?? false }, () => {
    let disk: LoopDisk | undefined;
    after(() => disk?.[Symbol.dispose]());
    const ready = () => {
      disk ??= new LoopDisk(type);
      return disk.directory;
    };
    snapshotterSuite("overlay", type, ready);
    snapshotterSuite("native", type, ready);
  });
}
