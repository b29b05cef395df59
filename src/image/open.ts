import { join } from "node:path";
import type { Logger } from "pino";
import type { BootId, Digest, ImageId } from "../base/ids.ts";
import { KeyedLocks } from "../base/lock.ts";
import { Slots } from "../base/slots.ts";
import type { Config } from "../config/schema.ts";
import { BlobStore } from "../content/blob-store.ts";
import { FileLists } from "../content/file-lists.ts";
import type { LayerKeys } from "../encryption/contract.ts";
import type { Metadata } from "../metadata/contract.ts";
import type { ImageAdmission } from "../policy/contract.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Snapshotters } from "../snapshot/contract.ts";
import type { LayerUnpacker } from "../snapshot/unpack-contract.ts";
import type { PullObserver } from "./contract.ts";
import { NodeImages } from "./images.ts";
import type { ChainUsers, DiskChecking, ImageParts } from "./parts.ts";
import { PinnedImages } from "./pinned.ts";
import { Pins } from "./pins.ts";
import { hostPlatforms } from "./platform.ts";
import { parseImageRecord, parseIngestRecord, parseLeaseRecord } from "./records.ts";
import { SharedWork } from "./shared-work.ts";

type RegistrySettings = Pick<
  Config["registry"],
  "pullProgressTimeout" | "minimumPullRate" | "maxConcurrentLayers"
>;

/** What the images of a node are built from. */
export interface ImagesOptions {
  readonly config: { readonly registry: RegistrySettings; readonly image: Config["image"] };
  readonly metadata: Metadata;
  /** The directory of the blob store. */
  readonly content: string;
  readonly snapshotters: Snapshotters;
  readonly unpacker: LayerUnpacker;
  readonly users: ChainUsers;
  readonly checking: DiskChecking;
  readonly bootId: BootId;
  /** Says which images may be used; absent: any. */
  readonly admission?: ImageAdmission;
  /** For encrypted layers; absent: there are none. */
  readonly layerKeys?: LayerKeys;
  readonly pulls?: PullObserver | undefined;
  readonly log: Logger;
  /** Closed with the images. */
  readonly registry: RegistryClient;
  readonly syncDelay?: number;
}

/**
 * Opens the images of this node. Nothing is changed on disk but the blob store's frame: `recover` comes next.
 */
export async function openImages(options: ImagesOptions): Promise<NodeImages> {
  const { config, metadata, snapshotters, unpacker, users, bootId, log } = options;
  const { pullProgressTimeout: over, minimumPullRate: rate, maxConcurrentLayers } = config.registry;
  const { keepLayerBlobs, keepUnfinished, maxManifest, maxLayer, maxLayers, maxFiles } = config.image;
  const limits = { maxManifest, maxLayer, maxLayers, maxFiles, maxConcurrentLayers };
  const parts: ImageParts = {
    store: {
      records: metadata.table<ImageId, ReturnType<typeof parseImageRecord>>("images", parseImageRecord),
      ingests: metadata.table<string, ReturnType<typeof parseIngestRecord>>(
        "image_ingests",
        parseIngestRecord,
      ),
      leases: metadata.table<ImageId, ReturnType<typeof parseLeaseRecord>>("image_leases", parseLeaseRecord),
      syncRecords: () => metadata.sync(),
      content: await BlobStore.open(options.content),
      fileLists: await FileLists.open(join(options.content, "files")),
      snapshotters,
      unpacker,
      users,
      bootId,
    },
    work: {
      recordLock: new KeyedLocks<"records">(),
      digestLocks: new KeyedLocks<Digest>(),
      pins: new Pins<Digest>(),
      layers: new SharedWork("bringing a layer"),
      slots: new Slots(maxConcurrentLayers),
    },
    settings: {
      ...limits,
      keepLayerBlobs,
      keepUnfinished,
      minimumRate: { rate, over },
      syncDelay: options.syncDelay ?? 1_000,
    },
    pinned: new PinnedImages(config.image.pinned),
    registry: options.registry,
    platforms: hostPlatforms(),
    checking: options.checking,
    admission: options.admission,
    layerKeys: options.layerKeys,
    pulls: options.pulls,
    log,
  };
  return new NodeImages(parts);
}
