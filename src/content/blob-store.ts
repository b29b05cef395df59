import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import { errnoOf, systemFault } from "../linux/libc.ts";
import { syncFileSystem } from "../linux/sync-file-system.ts";
import { digestFromHex, digestOf, hexOf, isDigest } from "../spec/digest.ts";
import { PartialBlob } from "./partial-blob.ts";

const layoutFile = "oci-layout";
const indexFile = "index.json";
/** What `st_blocks` counts in (stat(2)). */
const blockBytes = 512;

/**
 * Blobs by digest, in an OCI image layout (OCI image spec v1.1, image layout). A blob gets its name once its
 * digest and size are verified; nothing is synced: whether a blob survived a power cut is for the caller's
 * records to know.
 */
export class BlobStore {
  readonly directory: string;
  readonly #partialsInUse = new Set<Digest>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Opens the store at `directory`, made if it isn't there, and drops what was being written when the daemon
   * died, but for blobs that have come in part, which are gone on with.
   */
  static async open(directory: string): Promise<BlobStore> {
    const store = new BlobStore(directory);
    await mkdir(join(directory, "blobs", "sha256"), { recursive: true, mode: 0o700 });
    await rm(join(directory, "ingest"), { recursive: true, force: true });
    await mkdir(join(directory, "ingest"), { mode: 0o700 });
    await mkdir(join(directory, "partial"), { recursive: true, mode: 0o700 });
    await store.#replace(layoutFile, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    const index = join(directory, indexFile);
    const empty = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
    await access(index).catch(() => store.#replace(indexFile, JSON.stringify(empty)));
    return store;
  }

  /** Where the blob lies, or would. */
  pathOf(digest: Digest): string {
    return join(this.directory, "blobs", "sha256", hexOf(digest));
  }

  /** Undefined when the blob is not here. */
  async size(digest: Digest): Promise<Bytes | undefined> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw systemFault(`the blob ${digest} can't be read`, error);
    }
  }

  /**
   * Reads a whole small blob, and verifies it.
   *
   * @throws {Fault} notFound; exhausted beyond `max`; corrupt when it isn't what its name says
   */
  async read(digest: Digest, max: Bytes): Promise<Buffer> {
    let bytes: Buffer;
    try {
      await using file = await open(this.pathOf(digest), "r");
      const { size } = await file.stat();
      if (size > max)
        throw new Fault("exhausted", `the blob ${digest} has ${size} bytes; at most ${max} are read`);
      bytes = await file.readFile();
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (isMissing(error)) throw new Fault("notFound", `the blob ${digest} is not on this node`);
      throw systemFault(`the blob ${digest} can't be read`, error, { path: this.pathOf(digest) });
    }
    if (digestOf(bytes) !== digest)
      throw new Fault("corrupt", `the stored blob ${digest} has another content`);
    return bytes;
  }

  /**
   * A large blob's bytes, verified as they pass: the reading fails at the end when they weren't what the name
   * says.
   *
   * @throws {Fault} notFound, corrupt
   */
  async *stream(digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    if ((await this.size(digest)) === undefined)
      throw new Fault("notFound", `the blob ${digest} is not on this node`);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(this.pathOf(digest), { signal, highWaterMark: 1 << 18 })) {
      hash.update(chunk);
      yield chunk;
    }
    if (digestFromHex(hash.digest("hex")) !== digest) {
      throw new Fault("corrupt", `the stored blob ${digest} has another content`);
    }
  }

  /** Stores a small blob under its digest. */
  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    if ((await this.size(digest)) === bytes.length) return digest;
    await this.replace(bytes);
    return digest;
  }

  /** Stores a small blob in the place of one that may be damaged. */
  async replace(bytes: Uint8Array): Promise<void> {
    const path = this.ingestPath();
    await this.#whole(path, digestOf(bytes), () => writeFile(path, bytes, { mode: 0o600, flag: "wx" }));
  }

  /**
   * Stores a blob from a stream. Nothing is left when it fails.
   *
   * @throws {Fault} corrupt for another digest or size; exhausted when the disk is full; what the stream
   * throws
   */
  async write(chunks: AsyncIterable<Uint8Array>, expected: { digest: Digest; size: Bytes }): Promise<void> {
    const path = this.ingestPath();
    await this.#whole(path, expected.digest, async () => {
      await using file = await open(path, "wx", 0o600);
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > expected.size) break;
        hash.update(chunk);
        await file.appendFile(chunk);
      }
      if (size !== expected.size) {
        const came = size > expected.size ? "more" : `${size} bytes`;
        throw new Fault("corrupt", `${expected.digest}: ${came} came, ${expected.size} bytes are announced`);
      }
      const digest = digestFromHex(hash.digest("hex"));
      if (digest !== expected.digest)
        throw new Fault("corrupt", `${expected.digest}: what came has digest ${digest}`);
    });
  }

  /** A new name for a file that is being written, on the store's file system; `adopt` or `drop` it. */
  ingestPath(): string {
    return join(this.directory, "ingest", randomBytes(12).toString("hex"));
  }

  /**
   * A blob on its way here, as far as it has come, to be gone on with. Nothing of it is verified: whoever completes it does
   * that, over the whole. Who comes while another has it gets one of its own, of which nothing is kept.
   *
   * @throws {Fault} exhausted, internal
   */
  async openPartial({ digest, size }: { digest: Digest; size: Bytes }): Promise<PartialBlob> {
    const path = this.#partialsInUse.has(digest) ? this.ingestPath() : this.#partialPath(digest);
    try {
      if (path === this.#partialPath(digest)) this.#partialsInUse.add(digest);
      return await PartialBlob.open({ path, size }, () => this.#closed(path, digest));
    } catch (cause) {
      await this.#closed(path, digest);
      throw systemFault(`opening ${path}, where ${digest} is to come`, cause);
    }
  }

  /** True if some of the blob has come and waits for who goes on. */
  async hasPartial(digest: Digest): Promise<boolean> {
    return (await stat(this.#partialPath(digest)).catch(() => undefined)) !== undefined;
  }

  /** Takes a blob that came whole, and that the caller has verified. */
  async adoptPartial(partial: PartialBlob, digest: Digest): Promise<void> {
    await partial.finish();
    await this.adopt(partial.path, digest);
  }

  /** Drops what has come of a blob, unless somebody is bringing it. */
  async dropPartial(digest: Digest): Promise<void> {
    if (!this.#partialsInUse.has(digest)) await rm(this.#partialPath(digest), { force: true });
  }

  async #closed(path: string, digest: Digest): Promise<void> {
    if (path === this.#partialPath(digest)) this.#partialsInUse.delete(digest);
    else await this.drop(path);
  }

  #partialPath(digest: Digest): string {
    return join(this.directory, "partial", hexOf(digest));
  }

  /** The blobs of which some has come, and what that takes. */
  async partials(): Promise<{ digest: Digest; size: Bytes }[]> {
    const found: { digest: Digest; size: Bytes }[] = [];
    for (const name of await readdir(join(this.directory, "partial"))) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest)) continue;
      const state = await stat(this.#partialPath(digest)).catch(() => undefined); // gone meanwhile
      if (state !== undefined) found.push({ digest, size: state.blocks * blockBytes });
    }
    return found;
  }

  /** Takes a file that the caller wrote at an `ingestPath` and whose digest it has verified. */
  async adopt(path: string, digest: Digest): Promise<void> {
    await rename(path, this.pathOf(digest));
  }

  /** Drops what was written at an `ingestPath`. Succeeds if there is nothing. */
  async drop(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  /** Removes a blob, or what has come of one. Succeeds if it is not here. */
  async delete(digest: Digest): Promise<void> {
    await rm(this.pathOf(digest), { force: true });
    await this.dropPartial(digest);
  }

  /** Every blob here; `undefined` digests are files that have no business in the store. */
  async list(): Promise<{ digest: Digest | undefined; path: string }[]> {
    const directory = join(this.directory, "blobs", "sha256");
    return (await readdir(directory)).map((name) => {
      const digest = `sha256:${name}`;
      return { digest: isDigest(digest) ? digest : undefined, path: join(directory, name) };
    });
  }

  /** What each blob takes on disk. */
  async sizes(): Promise<Map<Digest, Bytes>> {
    const sizes = new Map<Digest, Bytes>();
    for (const { digest, path } of await this.list()) {
      const found = await stat(path).catch(() => undefined); // gone meanwhile
      if (digest !== undefined && found !== undefined) sizes.set(digest, found.blocks * blockBytes);
    }
    return sizes;
  }

  /** What everything below the store's directory takes on disk: blobs, what is being written, and what lies beside them. */
  async diskUsage(): Promise<{ bytes: Bytes; inodes: number }> {
    const sum = { bytes: 0, inodes: 0 };
    for (const entry of [".", ...(await readdir(this.directory, { recursive: true }))]) {
      const found = await stat(join(this.directory, entry)).catch(() => undefined); // gone meanwhile
      if (found === undefined) continue;
      sum.bytes += found.blocks * blockBytes;
      sum.inodes += 1;
    }
    return sum;
  }

  /** What all blobs take. */
  async usage(): Promise<{ bytes: Bytes; inodes: number }> {
    const sum = { bytes: 0, inodes: 0 };
    for (const { path } of await this.list()) {
      const found = await stat(path).catch(() => undefined); // gone meanwhile
      if (found === undefined) continue;
      sum.bytes += found.size;
      sum.inodes += 1;
    }
    return sum;
  }

  /** Replaces the layout's index.json. */
  async writeIndex(index: object): Promise<void> {
    await this.#replace(indexFile, JSON.stringify(index));
  }

  /** Has everything that was stored reach the disk (syncfs). */
  sync(): Promise<void> {
    return syncFileSystem(this.directory);
  }

  /** Writes nothing where that is there already: on a full disk, the store still opens. */
  async #replace(name: string, text: string): Promise<void> {
    if ((await readFile(join(this.directory, name), "utf8").catch(() => undefined)) === text) return;
    const path = this.ingestPath();
    await writeFile(path, text, { mode: 0o600 });
    await rename(path, join(this.directory, name));
  }

  async #whole(path: string, digest: Digest, write: () => Promise<void>): Promise<void> {
    try {
      await write();
      await this.adopt(path, digest);
    } catch (error) {
      await this.drop(path);
      if (error instanceof Fault) throw error;
      throw systemFault(`storing ${digest}`, error, { path });
    }
  }
}

function isMissing(error: unknown): boolean {
  return errnoOf(error) === "ENOENT";
}
