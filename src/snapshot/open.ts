import type { Snapshotter } from "./contract.ts";
import { DirectorySnapshotter } from "./directory-snapshotter.ts";
import { nativeKind } from "./native/native.ts";
import { overlayKind } from "./overlay/overlay.ts";
import type { SnapshotWorkers } from "./workers.ts";

const kinds = { overlay: overlayKind, native: nativeKind };

/**
 * A snapshotter that keeps everything below `directory` (absolute; made when missing, mode 0700). Nothing is touched
 * before its first call; `probe` says whether it works here.
 */
export function openSnapshotter(
  kind: keyof typeof kinds,
  directory: string,
  workers: SnapshotWorkers,
): Snapshotter {
  return new DirectorySnapshotter(kinds[kind], directory, workers);
}
