import type { Config } from "./schema.ts";

/** The snapshotters that berth has. */
const snapshotterNames = ["overlay", "native", "btrfs", "devmapper", "zfs"];

/** Every snapshotter that the settings may name. */
export function knownSnapshotters({ remoteSnapshotters }: Pick<Config, "remoteSnapshotters">): string[] {
  return [...snapshotterNames, ...Object.keys(remoteSnapshotters)];
}

/** True for a name that a snapshotter of the operator's can't have. */
export function isOwnSnapshotter(name: string): boolean {
  return snapshotterNames.includes(name);
}
