import { Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { BtrfsVolumes } from "./btrfs/btrfs.ts";
import type { Snapshotter } from "./contract.ts";
import { DevmapperVolumes } from "./devmapper/devmapper.ts";
import { type DirectoryKind, DirectorySnapshotter } from "./directory-snapshotter.ts";
import { nativeKind } from "./native/native.ts";
import { overlayKind } from "./overlay/overlay.ts";
import type { Tools } from "./volumes/run-tool.ts";
import { VolumeSnapshotter } from "./volumes/volume-snapshotter.ts";
import type { SnapshotWorkers } from "./workers.ts";
import { ZfsVolumes } from "./zfs/zfs.ts";

/** Those that need nothing but a directory. */
const directoryKinds: Readonly<Record<string, DirectoryKind>> = {
  overlay: overlayKind,
  native: nativeKind,
};

/** What snapshotters work with besides their directory. */
export interface SnapshotterParts {
  readonly workers: SnapshotWorkers;
  readonly settings: Config["snapshotters"];
  readonly tools: Tools;
}

/**
 * A snapshotter of berth's own that keeps its files below `directory` (absolute; made when missing, mode 0700), if its
 * settings name no other. Nothing is touched before its first call; `probe` says whether it works here.
 *
 * @throws {Fault} internal for a name that the settings should not have let through
 */
export function openSnapshotter(name: string, directory: string, parts: SnapshotterParts): Snapshotter {
  const { workers, settings, tools } = parts;
  const kind = directoryKinds[name];
  if (kind !== undefined) return new DirectorySnapshotter(kind, directory, workers);
  switch (name) {
    case "btrfs": {
      const root = settings.btrfs.directory || directory;
      return new VolumeSnapshotter(new BtrfsVolumes(root, workers), root, workers);
    }
    case "devmapper": {
      const volumes = new DevmapperVolumes(directory, settings.devmapper, tools);
      return new VolumeSnapshotter(volumes, directory, workers);
    }
    case "zfs":
      return new VolumeSnapshotter(
        new ZfsVolumes(directory, settings.zfs.dataset, tools),
        directory,
        workers,
      );
    default:
      throw new Fault("internal", `there is no snapshotter ${name}`);
  }
}
