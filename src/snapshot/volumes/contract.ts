import type { MappedSnapshots, SnapshotMount, SnapshotUsage } from "../contract.ts";

/** A tree in reach, until it is disposed of. */
export interface OpenTree extends AsyncDisposable {
  /** Where its root is. */
  readonly directory: string;
}

/**
 * File systems, or parts of one, of which a copy that shares everything can be made at once: where a snapshot is a whole tree.
 * What there is is found from names alone.
 */
export interface Volumes {
  readonly name: string;
  /** Why they can't work on this host, or undefined. With `mapped`: why not for user namespaces. */
  probe(mapped?: MappedSnapshots): Promise<string | undefined>;
  /** Makes a writable one, empty, or with all that `parent` holds. Nothing is left when it throws. */
  make(name: string, parent: string | undefined): Promise<void>;
  /**
   * Makes the empty directory at `path`, beside the volumes, of what can become a volume by `adopt`, which takes it away.
   * Absent: a layer is copied onto a volume, the lowest too.
   */
  readonly staging?: {
    make(path: string): Promise<void>;
    adopt(path: string, name: string): Promise<void>;
  };
  /** Nothing is written to it any more but by way of copies. */
  seal(name: string): Promise<void>;
  /** Has its files in reach of this process, writable if it isn't sealed. */
  open(name: string): Promise<OpenTree>;
  /**
   * How a container mounts it, which it can then.
   * @param at where the snapshotter's directory is bound with the ids of a user namespace
   */
  mount(name: string, mode: "ro" | "rw", at: string | undefined): Promise<SnapshotMount>;
  /**
   * Told when something else than this host is about to mount a writable one, which is not mounted: what it takes is found out
   * without mounting it from then on. Absent: they are not on devices of their own.
   */
  lend?(name: string): Promise<void>;
  /** What it takes beyond its parent. Absent: its files are counted. */
  usage?(name: string, parent: string | undefined): Promise<SnapshotUsage>;
  /** Removes it, whatever is in it. Succeeds if it is not there. */
  remove(name: string): Promise<void>;
  /** Every one, in no order. */
  list(): Promise<string[]>;
  /** Writes out all that is pending. */
  sync(): Promise<void>;
}
