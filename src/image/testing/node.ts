import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import type { BootId, ChainId, SnapshotKey } from "../../base/ids.ts";
import type { Metadata } from "../../metadata/contract.ts";
import { openMetadata } from "../../metadata/open.ts";
import type { Snapshotter } from "../../snapshot/contract.ts";
import { openSnapshotter } from "../../snapshot/open.ts";
import type { LayerUnpacker } from "../../snapshot/unpack-contract.ts";
import { openUnpacker } from "../../snapshot/unpacker.ts";
import { SnapshotWorkers } from "../../snapshot/workers.ts";
import type { NodeImages } from "../images.ts";
import { openImages } from "../open.ts";

/** What a test changes of a node. */
export interface NodeSettings {
  readonly keepLayerBlobs?: boolean;
  readonly maxManifest?: number;
  readonly maxLayer?: number;
  readonly pullProgressTimeout?: number;
  readonly maxConcurrentLayers?: number;
  readonly syncDelay?: number;
}

/** A node's images in a directory of their own, on the real database, snapshotter and unpacker. */
export interface TestNode extends AsyncDisposable {
  readonly root: string;
  readonly images: NodeImages;
  readonly snapshotter: Snapshotter;
  /** What "containers" use: put a chain here. */
  readonly containers: Map<SnapshotKey, ChainId>;
  /** Ends the daemon's part as a kill would, and starts anew on what is on disk; another boot if told so. */
  restart(bootId?: string): Promise<TestNode>;
  /** Names of what is left on disk besides images: ingests and unfinished blobs. */
  leftovers(): Promise<string[]>;
}

/** Opens a node whose registries are configured in `<root>/certs.d`. */
export async function openTestNode(
  settings: NodeSettings = {},
  root?: string,
  bootId = "boot-1",
): Promise<TestNode> {
  const at = root ?? (await mkdtemp(join(tmpdir(), "berth-images-")));
  const metadata = await openMetadata(join(at, "berth.db"), { idle: 1000 });
  const workers = new SnapshotWorkers({ atMost: 2, idle: 200 });
  const snapshotter = openSnapshotter("overlay", join(at, "snapshots"), workers);
  const unpacker = openUnpacker(workers, undefined);
  const containers = new Map<SnapshotKey, ChainId>();
  const images = await openNode(
    at,
    settings,
    { metadata, snapshotter, unpacker, containers },
    bootId as BootId,
  );
  await images.recover(new AbortController().signal);
  const close = async () => {
    await images.close();
    await workers.close();
    await metadata.close();
  };
  return {
    root: at,
    images,
    snapshotter,
    containers,
    async restart(next = bootId) {
      await close();
      return openTestNode(settings, at, next);
    },
    async leftovers() {
      const { ingests } = await snapshotter.list();
      const { readdir } = await import("node:fs/promises");
      return [...ingests, ...(await readdir(join(at, "content", "ingest")))];
    },
    async [Symbol.asyncDispose]() {
      await close();
      await rm(at, { recursive: true, force: true });
    },
  };
}

interface NodeBelow {
  readonly metadata: Metadata;
  readonly snapshotter: Snapshotter;
  readonly unpacker: LayerUnpacker;
  readonly containers: ReadonlyMap<SnapshotKey, ChainId>;
}

function openNode(
  root: string,
  settings: NodeSettings,
  below: NodeBelow,
  bootId: BootId,
): Promise<NodeImages> {
  const { metadata, snapshotter, unpacker, containers } = below;
  return openImages({
    config: {
      registry: {
        configPath: join(root, "certs.d"),
        pullProgressTimeout: settings.pullProgressTimeout ?? 20_000,
        maxConcurrentLayers: settings.maxConcurrentLayers ?? 4,
      },
      image: {
        snapshotter: "overlay",
        keepLayerBlobs: settings.keepLayerBlobs ?? false,
        maxManifest: settings.maxManifest ?? 1 << 20,
        maxLayer: settings.maxLayer ?? 1 << 28,
        maxLayers: 20,
        maxFiles: 20_000,
      },
    },
    metadata,
    content: join(root, "content"),
    snapshotter,
    unpacker,
    users: {
      inUse: (chain) => [...containers.values()].includes(chain),
      snapshotsOn: (chain) => [...containers].flatMap(([key, parent]) => (parent === chain ? [key] : [])),
    },
    bootId,
    log: pino({ level: process.env.BERTH_TEST_LOG ?? "silent" }),
    backOff: { tries: 3, first: 20, longest: 100, longestAsked: 3_000 },
    syncDelay: settings.syncDelay ?? 60_000,
  });
}
