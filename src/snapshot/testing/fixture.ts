import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultKind, isFault } from "../../base/fault.ts";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";
import { loadConfig } from "../../config/load.ts";
import { hostMounts } from "../../linux/mounts.ts";
import { hostProcesses } from "../../linux/processes.ts";
import type { SnapshotMount, Snapshotter } from "../contract.ts";
import { openSnapshotter } from "../open.ts";
import type { LayerSource, UnpackedLayer, UnpackRequest } from "../unpack-contract.ts";
import { openUnpacker } from "../unpacker.ts";
import type { Tools } from "../volumes/run-tool.ts";
import { SnapshotWorkers } from "../workers.ts";
import { buildTar, type TestEntry } from "./build-tar.ts";

export const asRoot = process.getuid?.() === 0 ? false : "NOT RUN: snapshots need root";

const usual = loadConfig({}, {}).config;
/** Of snapshotters, when nobody sets them. */
export const usualSettings = usual.snapshotters;
export const testTools: Tools = { processes: hostProcesses(), path: usual.runtime.path };

/** For tests that take minutes. */
export const inFull = asRoot || (process.env.BERTH_TEST_FULL === "1" ? false : "only by make test-full");

const gzipType = "application/vnd.oci.image.layer.v1.tar+gzip";
export const generous = { maxUnpacked: 8_589_934_592, maxFiles: 1_000_000 };

/** What is tried: a snapshotter of berth's own, or one that is opened, on a directory of its own. */
export type Tried =
  | "overlay"
  | "native"
  | "btrfs"
  | {
      readonly name: string;
      readonly open: (directory: string, workers: SnapshotWorkers) => Snapshotter;
      /** Its file system keeps times in whole seconds. */
      readonly wholeSeconds?: boolean;
      /** Has counted what was written, where that is done now and then. */
      readonly count?: () => void;
    };

/** For `assert.rejects`: that a Fault is of the kind that is wanted, and says so. */
export function ofKind(wanted: FaultKind, message = /./): (error: unknown) => boolean {
  return (error) => (isFault(error, wanted) && message.test(error.message)) || assert.fail(String(error));
}

export function nameOf(tried: Tried): string {
  return typeof tried === "string" ? tried : tried.name;
}

/** A snapshotter and an unpacker in a directory of their own, all of it gone afterwards. */
export class SnapshotFixture {
  readonly directory: string;
  readonly snapshots: Snapshotter;
  readonly workers = new SnapshotWorkers({ atMost: 2, idle: 5000 });
  readonly unpacker = openUnpacker(this.workers, "/usr/bin/igzip");
  readonly #tried: Tried;
  readonly #mounted: string[] = [];
  #count = 0;

  constructor(tried: Tried, above = tmpdir()) {
    this.#tried = tried;
    this.directory = mkdtempSync(join(above, "berth-snap-"));
    this.snapshots = this.reopened();
  }

  /** The same snapshots as another daemon would find them. */
  reopened(): Snapshotter {
    const directory = join(this.directory, "snapshots");
    return typeof this.#tried === "string"
      ? openSnapshotter(this.#tried, directory, {
          workers: this.workers,
          tools: testTools,
          settings: usualSettings,
        })
      : this.#tried.open(directory, this.workers);
  }

  newName(): string {
    return `n${++this.#count}`;
  }

  /** An empty directory. */
  newDirectory(): string {
    const directory = join(this.directory, this.newName());
    mkdirSync(directory);
    return directory;
  }

  newChain(): ChainId {
    return `sha256:${randomBytes(32).toString("hex")}` as ChainId;
  }

  newKey(): SnapshotKey {
    return randomBytes(32).toString("hex") as SnapshotKey;
  }

  async unpack(
    source: LayerSource,
    directory: string,
    changes: Partial<UnpackRequest> = {},
    signal = AbortSignal.timeout(60_000),
  ): Promise<UnpackedLayer> {
    const request = { source, mediaType: gzipType, directory, limits: generous, ...changes };
    return this.unpacker.unpackLayer(request, signal);
  }

  /** Unpacks and commits a layer of these entries. */
  async layer(entries: readonly TestEntry[], parent?: ChainId): Promise<ChainId> {
    return this.layerOf(chunksOf(buildTar(entries)), parent);
  }

  async layerOf(source: LayerSource, parent?: ChainId): Promise<ChainId> {
    const ingest = this.newName();
    try {
      await this.unpack(source, await this.snapshots.prepareLayer(ingest));
      const chain = this.newChain();
      await this.snapshots.commitLayer(ingest, chain, parent);
      return chain;
    } catch (error) {
      await this.snapshots.abortLayer(ingest);
      throw error;
    }
  }

  /** Layers of these entries, each on the one before. */
  async stack(...layers: readonly (readonly TestEntry[])[]): Promise<ChainId> {
    let chain: ChainId | undefined;
    for (const entries of layers) chain = await this.layer(entries, chain);
    if (chain === undefined) throw new Error("no layers");
    return chain;
  }

  /**
   * Mounts as the daemon would, until the end of the test.
   * @param namespace that of the users whose ids are to be seen
   */
  async mount(mounts: readonly SnapshotMount[], namespace?: string): Promise<string> {
    const target = join(this.directory, `m${++this.#count}`);
    mkdirSync(target);
    const host = hostMounts();
    for (const { type, source, options, unmapped } of mounts) {
      if (type === "bind")
        await host.bind(source, target, { recursive: true, readonly: options.includes("ro") });
      else await host.mount(source, target, type, options);
      if (unmapped === true && namespace !== undefined) await host.bind(target, target, { idmap: namespace }); // over the other: they go together
      this.#mounted.push(target);
    }
    return target;
  }

  async view(chain: ChainId): Promise<string> {
    return this.mount(await this.snapshots.view(chain));
  }

  async unmount(target: string): Promise<void> {
    await hostMounts().unmount(target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const target of this.#mounted.toReversed()) await this.unmount(target);
    if ((await this.snapshots.probe()) === undefined) await removeAll(this.snapshots);
    await this.workers.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Removes every snapshot, children first. */
async function removeAll(snapshots: Snapshotter): Promise<void> {
  const { committed, containers } = await snapshots.list();
  for (const key of containers) await snapshots.remove(key);
  for (let left = committed; left.length > 0; ) {
    const stay: ChainId[] = [];
    for (const chain of left) await snapshots.remove(chain).catch(() => stay.push(chain));
    if (stay.length === left.length) throw new Error(`snapshots can't be removed: ${stay.join(", ")}`);
    left = stay;
  }
}

/** The bytes in pieces, as a registry would send them. */
export async function* chunksOf(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield Uint8Array.from(bytes.subarray(at, at + size));
}
