import { Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { BtrfsVolumes } from "./btrfs/btrfs.ts";
import type { Snapshotter } from "./contract.ts";
import { type DirectoryKind, DirectorySnapshotter } from "./directory-snapshotter.ts";
import { nativeKind } from "./native/native.ts";
import { overlayKind } from "./overlay/overlay.ts";
import { VolumeSnapshotter } from "./volumes/volume-snapshotter.ts";
import type { SnapshotWorkers } from "./workers.ts";

/** Those that need nothing but a directory. */
export const directoryKinds: Readonly<Record<string, DirectoryKind>> = {
  overlay: overlayKind,
  native: nativeKind,
};

/**
 * A snapshotter of berth's own that keeps its files below `directory` (absolute; made when missing, mode 0700), if its
 * settings name no other. Nothing is touched before its first call; `probe` says whether it works here.
 *
 * @throws {Fault} internal for a name that the settings should not have let through
 */
export function openSnapshotter(
  name: string,
  directory: string,
  workers: SnapshotWorkers,
  settings: Config["snapshotters"],
): Snapshotter {
  const kind = directoryKinds[name];
  if (kind !== undefined) return new DirectorySnapshotter(kind, directory, workers);
  if (name !== "btrfs") throw new Fault("internal", `there is no snapshotter ${name}`);
  const root = settings.btrfs.directory || directory;
  return new VolumeSnapshotter(new BtrfsVolumes(root, workers), root, workers);
}
