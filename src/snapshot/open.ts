import { Fault } from "../base/fault.ts";
import type { Snapshotter } from "./contract.ts";
import { type DirectoryKind, DirectorySnapshotter } from "./directory-snapshotter.ts";
import { nativeKind } from "./native/native.ts";
import { overlayKind } from "./overlay/overlay.ts";
import type { SnapshotWorkers } from "./workers.ts";

/** Those that need nothing but a directory. */
export const directoryKinds: Readonly<Record<string, DirectoryKind>> = {
  overlay: overlayKind,
  native: nativeKind,
};

/**
 * A snapshotter that keeps everything below `directory` (absolute; made when missing, mode 0700). Nothing is touched
 * before its first call; `probe` says whether it works here.
 *
 * @throws {Fault} internal for a name that the settings should not have let through
 */
export function openSnapshotter(name: string, directory: string, workers: SnapshotWorkers): Snapshotter {
  const kind = directoryKinds[name];
  if (kind === undefined) throw new Fault("internal", `there is no snapshotter ${name}`);
  return new DirectorySnapshotter(kind, directory, workers);
}
