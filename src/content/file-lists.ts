import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DiffId } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import { hexOf, isDigest } from "../spec/digest.ts";

/** What `st_blocks` counts in (stat(2)). */
const blockBytes = 512;

/**
 * For each layer that was unpacked here, the list of the files that it brought, by the layer's own digest: whatever
 * image has it, and wherever it is unpacked, its files are these.
 */
export class FileLists {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Opens the lists in `directory`, made if it isn't there. */
  static async open(directory: string): Promise<FileLists> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new FileLists(directory);
  }

  /** Where the list lies, or would. */
  pathOf(diffId: DiffId): string {
    return join(this.directory, hexOf(diffId));
  }

  async has(diffId: DiffId): Promise<boolean> {
    return (await stat(this.pathOf(diffId)).catch(() => undefined)) !== undefined;
  }

  /** Takes a list that was written elsewhere on the same file system; of a layer whose digest was verified. */
  async adopt(path: string, diffId: DiffId): Promise<void> {
    await rename(path, this.pathOf(diffId));
  }

  /** Succeeds if it is not here. */
  async delete(diffId: DiffId): Promise<void> {
    await rm(this.pathOf(diffId), { force: true });
  }

  /** Whose lists are here. */
  async list(): Promise<DiffId[]> {
    const names = await readdir(this.directory);
    return names.map((name) => `sha256:${name}`).filter((digest) => isDigest(digest)) as DiffId[];
  }

  /** What each list takes on disk. */
  async sizes(): Promise<Map<DiffId, Bytes>> {
    const sizes = new Map<DiffId, Bytes>();
    for (const diffId of await this.list()) {
      const found = await stat(this.pathOf(diffId)).catch(() => undefined); // gone meanwhile
      if (found !== undefined) sizes.set(diffId, found.blocks * blockBytes);
    }
    return sizes;
  }
}
