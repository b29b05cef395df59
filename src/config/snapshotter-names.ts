/** The snapshotters that berth has. */
const snapshotterNames = ["overlay", "native"];

/** Every snapshotter that the settings may name. */
export function knownSnapshotters(): string[] {
  return snapshotterNames;
}
