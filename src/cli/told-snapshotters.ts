/** A snapshotter, as berth's daemon tells of it. */
export interface ToldSnapshotter {
  readonly name: string;
  readonly directory: string;
  /** Why it can't work here. */
  readonly problem?: string;
}

/** The snapshotters in the info value `snapshotters`, the usual one first; other runtimes tell nothing of theirs. */
export function toldSnapshotters(told: unknown): readonly ToldSnapshotter[] {
  const { snapshotters = [] } = (told ?? {}) as { snapshotters?: readonly ToldSnapshotter[] };
  return snapshotters;
}
