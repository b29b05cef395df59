import { join } from "node:path";
import type { Logger } from "pino";
import type { BootId, Digest, ImageId } from "../base/ids.ts";
import { KeyedLocks } from "../base/lock.ts";
import type { Config } from "../config/schema.ts";
import { BlobStore } from "../content/blob-store.ts";
import { FileLists } from "../content/file-lists.ts";
import type { Metadata } from "../metadata/contract.ts";
import type { BackOff } from "../registry/back-off.ts";
import { RegistryClient } from "../registry/client.ts";
import type { Snapshotter } from "../snapshot/contract.ts";
import type { LayerUnpacker } from "../snapshot/unpack-contract.ts";
import type { PullObserver } from "./contract.ts";
import { NodeImages } from "./images.ts";
import type { ChainUsers, ImageParts } from "./parts.ts";
import { PinnedImages } from "./pinned.ts";
import { Pins } from "./pins.ts";
import { hostPlatforms } from "./platform.ts";
import { parseImageRecord, parseIngestRecord } from "./records.ts";
import { SharedWork } from "./shared-work.ts";
import { Slots } from "./slots.ts";

/** What the images of a node are built from. */
export interface ImagesOptions {
  readonly config: Pick<Config, "registry" | "image">;
  readonly metadata: Metadata;
  /** The directory of the blob store. */
  readonly content: string;
  readonly snapshotter: Snapshotter;
  readonly unpacker: LayerUnpacker;
  readonly users: ChainUsers;
  readonly bootId: BootId;
  readonly pulls?: PullObserver | undefined;
  readonly log: Logger;
  /** Where HTTPS_PROXY, HTTP_PROXY and NO_PROXY are looked up. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
  /** How patiently registries are asked; the defaults fit real ones. */
  readonly backOff?: BackOff;
  readonly syncDelay?: number;
}

/**
 * Opens the images of this node. Nothing is changed on disk but the blob store's frame: `recover` comes next.
 */
export async function openImages(options: ImagesOptions): Promise<NodeImages> {
  const { config, metadata, snapshotter, unpacker, users, bootId, log } = options;
  const { configPath, pullProgressTimeout, maxConcurrentLayers } = config.registry;
  const { keepLayerBlobs, maxManifest, maxLayer, maxLayers, maxFiles } = config.image;
  const limits = { maxManifest, maxLayer, maxLayers, maxFiles, maxConcurrentLayers };
  // A connection that stalls is given up early enough for another one to save the pull.
  const stall = Math.min(20_000, Math.ceil(pullProgressTimeout / 3));
  const { proxyEnv, backOff } = options;
  const parts: ImageParts = {
    store: {
      records: metadata.table<ImageId, ReturnType<typeof parseImageRecord>>("images", parseImageRecord),
      ingests: metadata.table<string, ReturnType<typeof parseIngestRecord>>(
        "image_ingests",
        parseIngestRecord,
      ),
      content: await BlobStore.open(options.content),
      fileLists: await FileLists.open(join(options.content, "files")),
      snapshotter,
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
    settings: { ...limits, keepLayerBlobs, pullProgressTimeout, syncDelay: options.syncDelay ?? 1_000 },
    pinned: new PinnedImages(config.image.pinned),
    registry: new RegistryClient({
      configPath,
      maxManifest,
      stall,
      ...(backOff === undefined ? {} : { backOff }),
      ...(proxyEnv === undefined ? {} : { proxyEnv }),
    }),
    platforms: hostPlatforms(),
    pulls: options.pulls,
    log,
  };
  return new NodeImages(parts);
}
