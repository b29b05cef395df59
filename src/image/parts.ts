import type { Logger } from "pino";
import type { BootId, ChainId, ContainerId, Digest, ImageId, SnapshotKey } from "../base/ids.ts";
import type { KeyedLocks } from "../base/lock.ts";
import type { Slots } from "../base/slots.ts";
import type { Bytes, Ms } from "../base/units.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { FileLists } from "../content/file-lists.ts";
import type { LayerKeys } from "../encryption/contract.ts";
import type { Mounts } from "../linux/contract.ts";
import type { RecordTable } from "../metadata/contract.ts";
import type { ImageAdmission } from "../policy/contract.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { CompareRequest, Comparison } from "../snapshot/compare-contract.ts";
import type { Snapshotter, Snapshotters, SnapshotUsage } from "../snapshot/contract.ts";
import type { LayerUnpacker } from "../snapshot/unpack-contract.ts";
import type { Platform } from "../spec/oci-image.ts";
import type { ImageRecord, LayerStep, PullObserver } from "./contract.ts";
import type { PinnedImages } from "./pinned.ts";
import type { Pins } from "./pins.ts";
import type { RateRule } from "./rate-watch.ts";
import type { IngestRecord, LeaseRecord } from "./records.ts";
import type { SharedWork } from "./shared-work.ts";

/** A container, as it counts on images. */
export interface ImageUser {
  readonly id: ContainerId;
  readonly name: string;
  /** What it was made from, and what it has as volumes. */
  readonly images: readonly ImageId[];
  /** The chains right below it: of its root file system first, where that has one. */
  readonly chains: readonly ChainId[];
  /** Where its writable layer is. */
  readonly snapshotter: string;
}

/** What of the containers matters to the images below them. */
export interface ChainUsers {
  /** True while a container is, or is about to be, made on top of this very chain. */
  inUse(chain: ChainId): boolean;
  /** Every container, as it counts on images. */
  containers(): readonly ImageUser[];
  /** The containers' snapshots right on top of this chain. */
  snapshotsOn(chain: ChainId): readonly SnapshotKey[];
  /** True for an ingest that is a container's: files that it is about to begin with. */
  hasIngest(ingest: string): boolean;
}

/** What images may take and how long they may take it, from the configuration. */
export interface ImageSettings {
  readonly keepLayerBlobs: boolean;
  /** Of a manifest, an index or a config. */
  readonly maxManifest: Bytes;
  /** Of a layer, packed and unpacked. */
  readonly maxLayer: Bytes;
  readonly maxLayers: number;
  /** Of a layer. */
  readonly maxFiles: number;
  readonly maxConcurrentLayers: number;
  /** A layer that gets on more slowly ends its pull. */
  readonly minimumRate: RateRule;
  /** How long what an unfinished pull has brought is kept for the next one; 0: not at all. */
  readonly keepUnfinished: Ms;
  /** From a pull's end to the sync that makes it durable. */
  readonly syncDelay: Ms;
}

/** Where images are kept: records, blobs, snapshots. */
interface ImageStore {
  readonly records: RecordTable<ImageId, ImageRecord>;
  /** Layers that are being unpacked: recorded before their directory exists. */
  readonly ingests: RecordTable<string, IngestRecord>;
  /** By the image that is being pulled. */
  readonly leases: RecordTable<ImageId, LeaseRecord>;
  /** Has the records survive a power cut as they are now. @throws {Fault} as `Metadata.sync` */
  syncRecords(): Promise<void>;
  readonly content: BlobStore;
  readonly fileLists: FileLists;
  readonly snapshotters: Snapshotters;
  readonly unpacker: LayerUnpacker;
  readonly users: ChainUsers;
  readonly bootId: BootId;
}

/** What pulls, imports and removals in flight share. */
interface ImageWork {
  /** Held while records are changed: a change reads the record that it replaces. */
  readonly recordLock: KeyedLocks<"records">;
  /** Held while a chain or blob is looked for or removed, so that nobody counts on what is about to go. */
  readonly digestLocks: KeyedLocks<Digest>;
  /** Chains and blobs that something in flight counts on, though no record names them yet. */
  readonly pins: Pins<Digest>;
  /** Layers in flight by `layerKey`; reports the bytes of the blob that are unpacked. */
  readonly layers: SharedWork<string, SnapshotUsage, LayerStep>;
  readonly slots: Slots;
}

/** How what lies on disk is looked at: layers are mounted for a moment to be compared, directories counted. */
export interface DiskChecking {
  readonly mounts: Mounts;
  /** Where they are mounted. */
  readonly directory: string;
  /** Takes its time, on a thread of its own. */
  compare(request: CompareRequest): Promise<Comparison>;
  /** All that berth keeps lies below it. */
  readonly root: string;
  /** Walks a directory, on the same thread. */
  usage(directory: string): Promise<SnapshotUsage>;
}

/** Everything that the operations on images work with. */
export interface ImageParts {
  readonly store: ImageStore;
  readonly work: ImageWork;
  readonly settings: ImageSettings;
  /** What the operator pins; changes when the settings are read again. */
  readonly pinned: PinnedImages;
  readonly registry: RegistryClient;
  readonly platforms: readonly Platform[];
  readonly checking: DiskChecking;
  /** Absent: any image may be used. */
  readonly admission?: ImageAdmission | undefined;
  /** Absent: there are none. */
  readonly layerKeys?: LayerKeys | undefined;
  /** Absent: nobody counts pulls. */
  readonly pulls?: PullObserver | undefined;
  readonly log: Logger;
}

/** What the operations on one snapshotter's layers work with. */
export interface UnpackParts extends ImageParts {
  readonly snapshotter: Snapshotter;
}

/** @throws {Fault} unavailable, notFound: as `Snapshotters.get` */
export function partsIn(parts: ImageParts, snapshotter: string): UnpackParts {
  return { ...parts, snapshotter: parts.store.snapshotters.get(snapshotter) };
}

/** For what is done in every snapshotter. */
export function partsInEach(parts: ImageParts): UnpackParts[] {
  return parts.store.snapshotters.all().map((snapshotter) => ({ ...parts, snapshotter }));
}

/** Names a layer that is brought into a snapshotter. */
export function layerKey(chain: ChainId, { snapshotter }: UnpackParts): string {
  return `${snapshotter.name} ${chain}`;
}
