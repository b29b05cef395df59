import type { ChainId, Digest, SnapshotKey } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { UserRanges } from "../linux/contract.ts";
import type { Descriptor } from "../spec/oci-image.ts";

/** What a snapshot takes on disk. */
export interface SnapshotUsage {
  readonly bytes: Bytes;
  readonly inodes: number;
}

/** A mount as mount(2) takes it; `options` are strings as in fstab (`lowerdir=…`, `ro`). */
export interface SnapshotMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
  /** For a container with a user namespace: its files have the image's ids until the mount itself gets the namespace's. */
  readonly unmapped?: true;
}

/** Where a snapshotter's `directory` is bound once more, with the ids of a user namespace that has `users`. */
export interface MappedSnapshots {
  readonly at: string;
  readonly users: UserRanges;
  /** The file of the namespace. */
  readonly namespace: string;
}

/** A layer, before any of its bytes is fetched, for a snapshotter that may get at them by itself. */
export interface LayerOffer {
  readonly chain: ChainId;
  /** Committed already. */
  readonly parent: ChainId | undefined;
  /** As the manifest names it, annotations included. */
  readonly blob: Descriptor;
  /** What the image was asked for by: `docker.io/library/busybox:1.36`. */
  readonly reference: string;
  readonly manifest: Digest;
  /** The blobs of this layer and of those above it, in their order. */
  readonly from: readonly Digest[];
}

/** Where a container's files differ from its image's; good until it is disposed of. */
export interface SnapshotChanges extends AsyncDisposable {
  /** Where its own files lie, from its root on. */
  readonly directory: string;
  /** Paths from the root, without a slash before them, one character for each byte (latin1). What lay below them went, too. */
  readonly deleted: readonly string[];
}

/** How changes are to be listed. */
export interface ChangesRequest {
  /** A new file for the paths that stand in `directory`: `./path` with a NUL behind each, directories before what they hold. */
  readonly list: string;
  /** Paths as in `deleted` that are passed over: mount points. */
  readonly except: readonly string[];
}

/**
 * Keeps unpacked layers and containers' writable layers, as directories, file systems or devices.
 *
 * A layer is unpacked on its own into a fresh directory (`prepareLayer`), beside all others of its image, and then
 * committed onto its parent (`commitLayer`), which puts right what it takes for granted from the layers below.
 * Everything is found again from names alone: no state is held in memory that a restart would lose.
 *
 * Files lie on disk with the ids that images give them. For a pod with a user namespace, `directory` is bound elsewhere
 * with the ids of that one, and what is mounted comes from there, or the mount itself is given them (`unmapped`): nothing
 * is copied, and pods with other ids share the layers.
 */
export interface Snapshotter {
  readonly name: string;
  /** What it keeps in files lies below it, on one file system. Absolute. */
  readonly directory: string;
  /** Why it cannot work on this host, or undefined. With `mapped`: why not for user namespaces. */
  probe(mapped?: MappedSnapshots): Promise<string | undefined>;
  /** Asked again and again of one that worked: why it doesn't now. Absent: what works goes on working. */
  stillWorks?(): Promise<string | undefined>;
  /**
   * Commits a layer without its bytes being fetched, when the snapshotter can get at them by itself; asked from the lowest
   * layer up, each when those below are committed. Absent: it never can.
   * @returns undefined when it can't: the layer is to be fetched
   */
  provideLayer?(offer: LayerOffer, signal: AbortSignal): Promise<SnapshotUsage | undefined>;
  /** An empty directory for one layer's own files. `ingest` names it until commit. */
  prepareLayer(ingest: string): Promise<string>;
  /** Makes the unpacked `ingest` the snapshot `chain` on top of `parent`. Succeeds if `chain` is there already. */
  commitLayer(ingest: string, chain: ChainId, parent: ChainId | undefined): Promise<SnapshotUsage>;
  /**
   * Puts the unpacked `ingest`, once it is safely on disk, in the place of a committed snapshot, at once; what is on top of that
   * one stays. What was there is the ingest then. Absent: layers can't be exchanged below others.
   * @throws {Fault} notFound; wrongState when a container is on it
   */
  replaceLayer?(ingest: string, chain: ChainId): Promise<void>;
  /** Drops an ingest, whatever is in it. Succeeds if it is not there. */
  abortLayer(ingest: string): Promise<void>;
  /** True if the committed snapshot is there. */
  has(chain: ChainId): Promise<boolean>;
  /**
   * A writable snapshot on top of `parent`, for one container. Succeeds if it is there already.
   * @param users those of the container's user namespace, when it has one
   */
  prepareContainer(key: SnapshotKey, parent: ChainId | undefined, users?: UserRanges): Promise<void>;
  /**
   * Like `prepareContainer`, with the unpacked `ingest` as what the container has changed already. Drops the ingest.
   */
  prepareChanged(key: SnapshotKey, parent: ChainId | undefined, ingest: string): Promise<void>;
  /** What a container has changed. It must not write meanwhile. Walks its files off the main thread. */
  changes(key: SnapshotKey, request: ChangesRequest): Promise<SnapshotChanges>;
  /**
   * How to mount a container's snapshot, or (`view`) a committed one read-only.
   * @param at where `directory` is bound with the ids of the container's user namespace; needed only until it is mounted
   */
  mounts(key: SnapshotKey, at?: string): Promise<readonly SnapshotMount[]>;
  view(chain: ChainId, at?: string): Promise<readonly SnapshotMount[]>;
  /**
   * Where the files of a layer without a parent lie, as it brought them.
   * @throws {Fault} unimplemented when it is not in a directory
   */
  layerDirectory(chain: ChainId): Promise<string>;
  /**
   * Told when something else than this host is about to mount the container's device, which is not mounted: berth finds out what it
   * takes without mounting it from then on, and `mounts` fails while it is in use. Absent: the snapshotter has no devices of its own.
   */
  lend?(key: SnapshotKey): Promise<void>;
  /** The directory that holds what the container has written itself, and nothing else; where there is none: one that is empty. */
  writableLayer(key: SnapshotKey | undefined): string;
  /** What the container's own layer takes; walks the directory off the main thread. */
  usage(key: SnapshotKey): Promise<SnapshotUsage>;
  /** Removes a container's snapshot or a committed one without children. Succeeds if it is not there. */
  remove(key: SnapshotKey | ChainId): Promise<void>;
  /** Everything that lies on disk, for the sweep and for `doctor --leaks`. */
  list(): Promise<{ committed: ChainId[]; containers: SnapshotKey[]; ingests: string[] }>;
  /** Flushes the snapshots' file system (syncfs), off the main thread. */
  sync(): Promise<void>;
}

/** A snapshotter of the settings, as it was found at the last look. */
export interface SnapshotterProbe {
  readonly name: string;
  readonly directory: string;
  /** Why it can't work here; absent: it works. */
  readonly problem?: string;
}

/** The snapshotters of this node. */
export interface Snapshotters {
  /** That of pods whose handler has none of its own, and of images that are pulled for nobody. */
  readonly usual: string;
  /** That of a runtime handler's pods. */
  nameFor(handler: string): string;
  /** @throws {Fault} unavailable when it can't work here, saying why; notFound when the settings don't name it */
  get(name: string): Snapshotter;
  /** Those that work, and those that the settings named once and that hold something: these are only cleared away. */
  all(): readonly Snapshotter[];
  /** Every one that the settings name. */
  probes(): readonly SnapshotterProbe[];
}
