import { Fault, isFault } from "../base/fault.ts";
import type { ImageRecord, Images } from "./contract.ts";
import type { Durability } from "./durability.ts";
import type { DiskUsage, Explained, Pruned, PruneOptions } from "./gc/contract.ts";
import { countDiskUsage } from "./gc/disk-usage.ts";
import { explain } from "./gc/explain.ts";
import { prune } from "./gc/prune.ts";
import type { LayoutIndex } from "./layout-index.ts";
import type { ImageParts } from "./parts.ts";
import type { VerifyOptions } from "./verify/contract.ts";
import { type Verified, verifyImages } from "./verify/verify.ts";

/** What goes on beside this. */
interface Beside {
  readonly durability: Durability;
  readonly index: LayoutIndex;
  /** Aborts when the daemon ends. */
  readonly closing: AbortSignal;
}

/** Looks after the images of this node: what they take, who holds it, what may go, whether it is sound. */
export class ImageUpkeep {
  readonly #images: Pick<Images, "find" | "list">;
  readonly #parts: ImageParts;
  readonly #beside: Beside;

  constructor(images: Pick<Images, "find" | "list">, parts: ImageParts, beside: Beside) {
    this.#images = images;
    this.#parts = parts;
    this.#beside = beside;
  }

  /**
   * Compares what images have on disk with what it should be, one part after the other, and brings anew what is damaged
   * where that is asked for.
   *
   * @param references which images; empty: all
   * @throws {Fault} notFound for an image that is not here
   */
  async *verify(
    references: readonly string[],
    options: VerifyOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Verified> {
    const named = references.length === 0 ? this.#images.list() : references.map((name) => this.#get(name));
    const until = AbortSignal.any([signal, this.#beside.closing]);
    try {
      yield* verifyImages(new Set(named), options, this.#parts, until);
    } finally {
      if (options.repair) this.#beside.durability.soon();
    }
  }

  /** Removes images that nothing uses, and what pulls left that were cut off. */
  async prune(options: PruneOptions, signal: AbortSignal): Promise<Pruned> {
    const pruned = await prune(options, this.#parts, this.#beside.durability, signal);
    if (options.dryRun) return pruned;
    const { images, unfinished, bytes } = pruned;
    const counted = { images: images.length, unfinished: unfinished.length, bytes };
    this.#parts.log.info(counted, "images are pruned");
    await this.#beside.index.update();
    return pruned;
  }

  /**
   * Who holds what an id, a name or the beginning of an id stands for.
   *
   * @throws {Fault} notFound, invalid
   */
  explain(wanted: string): Promise<readonly Explained[]> {
    return explain(wanted, this.#findIfNamed(wanted), this.#parts);
  }

  /** What everything takes on disk. Takes its time: it is counted anew. */
  diskUsage(): Promise<DiskUsage> {
    return countDiskUsage(this.#parts);
  }

  #get(reference: string): ImageRecord {
    const image = this.#images.find(reference);
    if (image === undefined) throw new Fault("notFound", `image "${reference}" is not on this node`);
    return image;
  }

  /** Undefined for what can be no name of an image, too. */
  #findIfNamed(wanted: string): ImageRecord | undefined {
    try {
      return this.#images.find(wanted);
    } catch (error) {
      if (isFault(error, "invalid")) return undefined;
      throw error;
    }
  }
}
