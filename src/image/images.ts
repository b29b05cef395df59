import type { ImageId } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { AdmissionReport } from "../policy/contract.ts";
import type { WalkStep } from "../registry/walk-step.ts";
import type { HistoryEntry } from "../spec/oci-image-config.ts";
import { requireAllowed, testAdmission } from "./admit.ts";
import { imageAnnotations } from "./annotations.ts";
import type {
  ImageRecord,
  Images,
  PullOptions,
  PullProgress,
  PushedImage,
  PushProgress,
  RegistryAuth,
} from "./contract.ts";
import { Durability } from "./durability.ts";
import { exportImages } from "./export.ts";
import { findImage, trustedImages } from "./find.ts";
import { imageHistory } from "./history.ts";
import { importImages } from "./import.ts";
import { LayoutIndex } from "./layout-index.ts";
import { type ImageParts, partsIn } from "./parts.ts";
import { ImagePulls } from "./pulls.ts";
import { type Push, pushImage } from "./push.ts";
import { applyPins } from "./record.ts";
import { type LostImage, recoverImages } from "./recover.ts";
import { removeImage } from "./remove.ts";
import { sweepImages } from "./sweep.ts";
import { tagImage, untagImage } from "./tag.ts";
import { unpackIn } from "./unpack-in.ts";
import { ImageUpkeep } from "./upkeep.ts";
import { walk } from "./walk/walk.ts";

const sweepDelay = 1_000;

/** The images of this node. */
export class NodeImages implements Images {
  readonly upkeep: ImageUpkeep;
  readonly #parts: ImageParts;
  readonly #durability: Durability;
  readonly #index: LayoutIndex;
  readonly #pulls: ImagePulls;
  readonly #closing = new AbortController();
  #sweepTimer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  /** Layers may have stayed for the containers on them. */
  #leftovers = true;

  constructor(parts: ImageParts) {
    this.#parts = parts;
    this.#durability = new Durability(parts);
    this.#index = new LayoutIndex(parts);
    this.#pulls = new ImagePulls(parts, this.#closing.signal, async () => {
      await this.#index.update();
      this.#durability.soon();
    });
    this.upkeep = new ImageUpkeep(this, parts, {
      durability: this.#durability,
      index: this.#index,
      closing: this.#closing.signal,
    });
  }

  /**
   * Puts right what the last daemon left; before anything else is asked of this.
   *
   * @returns the images that were dropped, and may be pulled again
   */
  async recover(signal: AbortSignal): Promise<readonly LostImage[]> {
    const dropped = await recoverImages(this.#parts, signal);
    await applyPins(this.#parts, signal);
    await this.#index.update();
    this.#durability.soon();
    return dropped;
  }

  /** Pins other images than before: those of the settings as they are now. */
  async pin(patterns: readonly string[]): Promise<void> {
    this.#parts.pinned.set(patterns);
    await applyPins(this.#parts, this.#closing.signal);
  }

  find(reference: string): ImageRecord | undefined {
    const { records, bootId } = this.#parts.store;
    return findImage(reference, records, bootId, this.#parts.registry.candidates);
  }

  list(): Iterable<ImageRecord> {
    const { records, bootId } = this.#parts.store;
    return trustedImages(records, bootId);
  }

  pull(reference: string, options: PullOptions | undefined, signal: AbortSignal): Promise<ImageRecord> {
    return this.pullTelling(reference, options, () => undefined, signal);
  }

  async unpackIn(id: ImageId, snapshotter: string, signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, this.#closing.signal]);
    await unpackIn(id, partsIn(this.#parts, snapshotter), until);
    this.#durability.soon();
  }

  requireAllowed(image: ImageRecord, named: string, namespace: string, signal: AbortSignal): Promise<void> {
    return requireAllowed(image, { named, namespace }, this.#parts, signal);
  }

  /** What the rules say of an image at its registry. Nothing is kept of it. */
  testAdmission(reference: string, options: PullOptions, signal: AbortSignal): Promise<AdmissionReport> {
    return testAdmission(reference, options, this.#parts, signal);
  }

  /** As `pull`, and tells `progress` how far it is. */
  pullTelling(
    name: string,
    options: PullOptions | undefined,
    progress: (step: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    return this.#pulls.pull(name, options, progress, signal);
  }

  async remove(reference: string, signal: AbortSignal): Promise<void> {
    const removed = await removeImage(reference, this.#parts, this.#durability, signal);
    if (removed === undefined) return;
    this.#leftovers ||= removed.layers.some((layer) => this.#parts.store.users.inUse(layer.chainId));
    this.#parts.log.info({ image: reference, imageId: removed.id, tags: removed.tags }, "image is removed");
    await this.#index.update();
  }

  /**
   * Takes images from an OCI layout (directory or tar) or a docker archive at the absolute `path`; they are
   * durable when this resolves.
   *
   * @throws {Fault} notFound; corrupt, exhausted, unimplemented: of this file, nothing is left then
   */
  async import(path: string, signal: AbortSignal): Promise<readonly ImageRecord[]> {
    const parts = partsIn(this.#parts, this.#parts.store.snapshotters.usual);
    const ids = await importImages(path, parts, AbortSignal.any([signal, this.#closing.signal]));
    await this.#index.update();
    await this.#durability.now();
    return ids.flatMap((id) => this.#parts.store.records.get(id) ?? []);
  }

  /**
   * Images as a tar: an OCI layout that docker loads, too.
   *
   * @throws {Fault} notFound for an image, before anything comes; what a registry said where a layer's blob was dropped and
   * can't be fetched again
   */
  export(references: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array> {
    return exportImages(references, this.#parts, AbortSignal.any([signal, this.#closing.signal]));
  }

  /** @throws {Fault} notFound; invalid; what the registry said */
  async push(push: Push, progress: (step: PushProgress) => void, signal: AbortSignal): Promise<PushedImage> {
    const until = AbortSignal.any([signal, this.#closing.signal]);
    const pushed = await pushImage(push, this.#parts, progress, until);
    this.#parts.log.info({ image: pushed.reference, digest: pushed.digest }, "image is pushed");
    return pushed;
  }

  /** Gives an image one more name, which another may have had. @throws {Fault} notFound, invalid */
  async tag(image: string, name: string, signal: AbortSignal): Promise<void> {
    const { id, tags } = await tagImage(image, name, this.#parts, signal);
    this.#parts.log.info({ imageId: id, tags }, "image is tagged");
    await this.#index.update();
  }

  /** Takes a name from the image that has it, which stays. @throws {Fault} notFound, invalid */
  async untag(name: string, signal: AbortSignal): Promise<void> {
    await untagImage(name, this.#parts, signal);
    this.#parts.log.info({ image: name }, "image is untagged");
    await this.#index.update();
  }

  annotations(image: ImageRecord): Promise<Readonly<Record<string, string>>> {
    return imageAnnotations(image, this.#parts);
  }

  history(image: ImageRecord): Promise<readonly HistoryEntry[]> {
    return imageHistory(image, this.#parts);
  }

  /** Goes the way of a pull without keeping anything; tells of each step. */
  walk(name: string, auth: RegistryAuth | undefined, signal: AbortSignal): AsyncIterable<WalkStep> {
    return walk(name, auth, this.#parts, AbortSignal.any([signal, this.#closing.signal]));
  }

  /** Removes whatever of images lies on disk and nothing needs. */
  async sweep(signal: AbortSignal): Promise<void> {
    const after = this.#sweeping.then(async () => {
      this.#leftovers = false;
      this.#leftovers = (await sweepImages(this.#parts, signal)) > 0;
    });
    this.#sweeping = after.catch(() => undefined);
    await after;
  }

  /** To be called when a container has gone: layers that stayed for it alone go a little later. */
  containerGone(): void {
    if (!this.#leftovers || this.#sweepTimer !== undefined) return;
    this.#sweepTimer = setTimeout(() => {
      this.#sweepTimer = undefined;
      this.sweep(this.#closing.signal).catch((err: unknown) =>
        this.#parts.log.warn({ err }, "sweeping images failed"),
      );
    }, sweepDelay);
    this.#sweepTimer.unref();
  }

  /** What all layers in a snapshotter take together, each counted once. */
  usage(snapshotter: string): { bytes: Bytes; inodes: number } {
    const layers = new Map(
      [...this.list()].flatMap(({ layers, unpacked }) => {
        const usages = unpacked[snapshotter]?.usages ?? [];
        return usages.map((usage, index) => [layers[index]?.chainId, usage]);
      }),
    );
    let [bytes, inodes] = [0, 0];
    for (const usage of layers.values()) {
      bytes += usage.bytes;
      inodes += usage.inodes;
    }
    return { bytes, inodes };
  }

  /** What lies beside the layers: blobs, lists of files, and what is being fetched. */
  storeUsage(): Promise<{ bytes: Bytes; inodes: number }> {
    return this.#parts.store.content.diskUsage();
  }

  /** What the blobs take that are kept. */
  contentUsage(): Promise<{ bytes: Bytes; inodes: number }> {
    return this.#parts.store.content.usage();
  }

  /** Ends what is in flight, and syncs what waits for it. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException("the daemon is stopping", "AbortError"));
    clearTimeout(this.#sweepTimer);
    await this.#pulls.idle();
    await this.#sweeping;
    await this.#durability.close();
    this.#parts.registry.close();
  }
}
