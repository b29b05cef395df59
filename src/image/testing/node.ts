import { mkdtempSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import type { BootId, ChainId, SnapshotKey } from "../../base/ids.ts";
import type { Config } from "../../config/schema.ts";
import type { LayerKeys } from "../../encryption/contract.ts";
import { hostMounts } from "../../linux/mounts.ts";
import type { Metadata } from "../../metadata/contract.ts";
import { openMetadata } from "../../metadata/open.ts";
import type { ImageAdmission } from "../../policy/contract.ts";
import { RegistryClient } from "../../registry/client.ts";
import type { LayerOffer, Snapshotter, Snapshotters, SnapshotUsage } from "../../snapshot/contract.ts";
import { openSnapshotters } from "../../snapshot/snapshotters.ts";
import { testTools, usualSettings } from "../../snapshot/testing/fixture.ts";
import type { LayerUnpacker } from "../../snapshot/unpack-contract.ts";
import { openUnpacker } from "../../snapshot/unpacker.ts";
import { SnapshotWorkers } from "../../snapshot/workers.ts";
import type { ShortNames } from "../../spec/short-names.ts";
import type { NodeImages } from "../images.ts";
import { openImages } from "../open.ts";

/** What a test changes of a node. */
export interface NodeSettings {
  readonly keepLayerBlobs?: boolean;
  readonly keepUnfinished?: number;
  readonly pinned?: readonly string[];
  readonly maxManifest?: number;
  readonly maxLayer?: number;
  readonly pullProgressTimeout?: number;
  readonly minimumPullRate?: number;
  /** A third of `pullProgressTimeout` unless said. */
  readonly stall?: number;
  readonly maxConcurrentLayers?: number;
  readonly connectionsPerHost?: number;
  /** How often a host is asked without any progress. */
  readonly tries?: number;
  readonly syncDelay?: number;
  /** The usual one first. */
  readonly snapshotters?: readonly [string, ...string[]];
  readonly remoteSnapshotters?: Config["remoteSnapshotters"];
  readonly shortNames?: ShortNames;
  readonly blocked?: readonly string[];
  readonly admission?: ImageAdmission;
  readonly layerKeys?: LayerKeys;
  /** Makes the snapshotter one that can get at layers by itself. */
  readonly provides?: (offer: LayerOffer, snapshotter: Snapshotter) => Promise<SnapshotUsage | undefined>;
}

/** A node's images in a directory of their own, on the real database, snapshotter and unpacker. */
export interface TestNode extends AsyncDisposable {
  readonly root: string;
  readonly images: NodeImages;
  /** The usual one. */
  readonly snapshotter: Snapshotter;
  readonly snapshotters: Snapshotters;
  /** What "containers" use: put a chain here. */
  readonly containers: Map<SnapshotKey, ChainId>;
  /**
   * Starts anew on what is on disk, without a word to this one: as after a kill, or in another boot a power
   * cut.
   */
  crash(bootId: string, settings?: NodeSettings): Promise<TestNode>;
  /** Names of what is left on disk besides images: ingests and unfinished blobs. */
  leftovers(): Promise<string[]>;
}

const log = pino({ level: process.env.BERTH_TEST_LOG ?? "silent" });

/** Opens a node whose registries are configured in `<root>/certs.d`. */
export function openTestNode(settings: NodeSettings = {}): Promise<TestNode> {
  return openAt(mkdtempSync(join(tmpdir(), "berth-images-")), settings, "boot-1", new Map());
}

async function openAt(
  root: string,
  settings: NodeSettings,
  bootId: string,
  containers: Map<SnapshotKey, ChainId>,
): Promise<TestNode> {
  const metadata = await openMetadata(join(root, "berth.db"), { idle: 1000 });
  const workers = new SnapshotWorkers({ atMost: 2, idle: 200 });
  const [usual, ...others] = settings.snapshotters ?? ["overlay"];
  const handlers = Object.fromEntries(others.map((name) => [name, { snapshotter: name }]));
  const { remoteSnapshotters = {} } = settings;
  const image = { snapshotter: usual };
  const named = {
    image,
    runtime: { handlers },
    snapshotters: usualSettings,
    remoteSnapshotters,
  } as Parameters<typeof openSnapshotters>[0];
  const snapshotters = await openSnapshotters(named, {
    root: join(root, "snapshots"),
    workers,
    tools: testTools,
    log,
  });
  const snapshotter = snapshotters.get(usual);
  const { provides } = settings;
  if (provides !== undefined) snapshotter.provideLayer = (offer) => provides(offer, snapshotter);
  const unpacker = openUnpacker(workers, undefined);
  const images = await openNode(
    root,
    settings,
    { metadata, snapshotters, unpacker, workers, containers },
    bootId as BootId,
  );
  await images.recover(new AbortController().signal);
  return {
    root,
    images,
    snapshotter,
    snapshotters,
    containers,
    async crash(next, changed = settings) {
      await workers.close();
      await metadata.close();
      return openAt(root, changed, next, containers);
    },
    async leftovers() {
      const { ingests } = await snapshotter.list();
      return [...ingests, ...(await readdir(join(root, "content", "ingest")))];
    },
    async [Symbol.asyncDispose]() {
      await images.close();
      await workers.close();
      await metadata.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

interface NodeBelow {
  readonly metadata: Metadata;
  readonly snapshotters: Snapshotters;
  readonly unpacker: LayerUnpacker;
  readonly workers: SnapshotWorkers;
  readonly containers: ReadonlyMap<SnapshotKey, ChainId>;
}

function openNode(
  root: string,
  settings: NodeSettings,
  below: NodeBelow,
  bootId: BootId,
): Promise<NodeImages> {
  const { metadata, snapshotters, unpacker, workers, containers } = below;
  const pullProgressTimeout = settings.pullProgressTimeout ?? 20_000;
  const maxManifest = settings.maxManifest ?? 1 << 20;
  return openImages({
    config: {
      registry: {
        pullProgressTimeout,
        minimumPullRate: settings.minimumPullRate ?? 1024,
        maxConcurrentLayers: settings.maxConcurrentLayers ?? 4,
      },
      image: {
        snapshotter: "overlay",
        keepLayerBlobs: settings.keepLayerBlobs ?? false,
        keepUnfinished: settings.keepUnfinished ?? 0,
        pinned: [...(settings.pinned ?? [])],
        maxManifest,
        maxLayer: settings.maxLayer ?? 1 << 28,
        maxLayers: 20,
        maxFiles: 20_000,
      },
    },
    metadata,
    content: join(root, "content"),
    snapshotters,
    unpacker,
    users: {
      inUse: (chain) => [...containers.values()].includes(chain),
      hasIngest: () => false,
      containers: () => [],
      snapshotsOn: (chain) => [...containers].flatMap(([key, parent]) => (parent === chain ? [key] : [])),
    },
    checking: {
      mounts: hostMounts(),
      directory: join(root, "checks"),
      compare: (request) => workers.run("compare", request),
      root,
      usage: (directory) => workers.run("usage", { directory }),
    },
    bootId,
    log,
    ...(settings.admission === undefined ? {} : { admission: settings.admission }),
    ...(settings.layerKeys === undefined ? {} : { layerKeys: settings.layerKeys }),
    registry: new RegistryClient({
      configPath: join(root, "certs.d"),
      ...(settings.shortNames === undefined ? {} : { shortNames: settings.shortNames }),
      ...(settings.blocked === undefined ? {} : { blocked: settings.blocked }),
      maxManifest,
      connectionsPerHost: settings.connectionsPerHost ?? 12,
      stall: settings.stall ?? Math.min(20_000, Math.ceil(pullProgressTimeout / 3)),
      backOff: { tries: settings.tries ?? 3, first: 20, longest: 100, longestAsked: 3_000 },
    }),
    syncDelay: settings.syncDelay ?? 60_000,
  });
}
