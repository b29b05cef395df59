import { LoopDisk, noDisk } from "../../src/snapshot/testing/loop-disk.ts";
import { SnapshotsServer } from "../../src/snapshot/testing/snapshots-server.ts";
import { noThinPool, TestThinPool } from "../../src/snapshot/testing/thin-pool.ts";
import { noZfs, TestZfsPool } from "../../src/snapshot/testing/zfs-pool.ts";
import { privileged } from "../harness/privileged.ts";
import { snapshotterPods } from "../harness/snapshotter-pods.ts";

snapshotterPods("native", privileged.skip ?? false, () => ({ name: "native", mapsUsers: true }));

snapshotterPods("of containerd, by its API", privileged.skip ?? false, async () => {
  const server = SnapshotsServer.containerd();
  await server.start();
  const config = `[remoteSnapshotters.overlayfs]\naddress = "${server.socket}"\n`;
  return { name: "overlayfs", config, mapsUsers: false, close: () => server[Symbol.asyncDispose]() };
});

snapshotterPods("btrfs", noDisk("btrfs") ?? false, async () => {
  const disk = new LoopDisk("btrfs");
  const config = `[snapshotters.btrfs]\ndirectory = "${disk.directory}/snapshots"\n`;
  return { name: "btrfs", config, mapsUsers: true, close: async () => disk[Symbol.dispose]() };
});

snapshotterPods("devmapper", noThinPool() ?? false, async () => {
  const pool = new TestThinPool();
  const config = `[snapshotters.devmapper]\npool = "${pool.name}"\nbaseSize = "512MiB"\n`;
  return { name: "devmapper", config, mapsUsers: true, close: async () => pool[Symbol.dispose]() };
});

// zfs-fuse mounts where it runs: the daemon must see that.
snapshotterPods("zfs", noZfs() ?? false, async () => {
  const pool = new TestZfsPool();
  const config = `[snapshotters.zfs]\ndataset = "${pool.name}"\n`;
  const close = async () => pool[Symbol.dispose]();
  return { name: "zfs", config, runtime: "runc", mapsUsers: !pool.isFuse, count: () => pool.count(), close };
});
