import { constants, createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import { isSystemError, systemFault } from "../linux/libc.ts";
import { O_PATH, openBeneath, openDirectory, pathAt } from "../linux/open-beneath.ts";
import { indexTar, type TarFile } from "./tar-index.ts";

/** The files of an archive or directory that images come in. Its content is hostile. */
export interface Archive extends AsyncDisposable {
  /** Undefined when there is no such file. */
  size(name: string): Promise<Bytes | undefined>;
  /** A whole small file. @throws {Fault} corrupt when there is none; exhausted beyond `max` */
  read(name: string, max: Bytes): Promise<Buffer>;
  /** The names of the files that lie directly in a directory; none when there is no such directory. */
  list(directory: string): Promise<string[]>;
  /** @throws {Fault} corrupt when there is none */
  stream(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Opens a directory or a tar file, which may be packed by gzip or zstd.
 *
 * @param unpackAt a new file for what a packed one holds, at most `max` bytes; the caller drops it
 * @throws {Fault} notFound, corrupt (no tar file), exhausted
 */
export async function openArchive(
  path: string,
  unpackAt: string,
  max: Bytes,
  signal: AbortSignal,
): Promise<Archive> {
  const packing = await packingOfArchive(path);
  if (packing === undefined) return await openTar(path, signal);
  if (packing === "directory") return new DirectoryArchive(path);
  await unpackFile(path, packing, unpackAt, max, signal);
  return await openTar(unpackAt, signal);
}

/** Opens a directory or a tar file that is not packed. @throws {Fault} notFound, corrupt, exhausted; invalid for a packed one */
export async function openPlainArchive(path: string, signal: AbortSignal): Promise<Archive> {
  const packing = await packingOfArchive(path);
  if (packing === "directory") return new DirectoryArchive(path);
  if (packing === undefined) return await openTar(path, signal);
  throw new Fault("invalid", `${path} is packed by ${packing}`, {
    hint: `unpack it first, by ${packing} -d`,
  });
}

/** What an archive is: a directory, a packed file, or (undefined) one that is not packed. */
async function packingOfArchive(path: string): Promise<"directory" | "gzip" | "zstd" | undefined> {
  try {
    if ((await stat(path)).isDirectory()) return "directory";
  } catch (cause) {
    throw new Fault(
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "notFound" : "invalid",
      `${path} can't be read`,
      { cause },
    );
  }
  return await sniff(path);
}

async function openTar(path: string, signal: AbortSignal): Promise<Archive> {
  const file = await open(path, "r");
  try {
    return new TarArchive(file, await indexTar(file, signal));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** How the bytes at a file's beginning say that it is packed. */
async function sniff(path: string): Promise<"gzip" | "zstd" | undefined> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw new Fault("invalid", `${path} is neither a file nor a directory`);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  return packingOf(buffer.subarray(0, bytesRead));
}

/** What the first bytes of a file say of its packing. */
export function packingOf(head: Uint8Array): "gzip" | "zstd" | undefined {
  const hex = Buffer.from(head).toString("hex");
  return hex.startsWith("1f8b") ? "gzip" : hex.startsWith("28b52ffd") ? "zstd" : undefined;
}

async function unpackFile(
  path: string,
  packing: "gzip" | "zstd",
  to: string,
  max: Bytes,
  signal: AbortSignal,
): Promise<void> {
  const bounded = async function* (chunks: AsyncIterable<Uint8Array>) {
    let total = 0;
    for await (const chunk of chunks) {
      total += chunk.length;
      if (total > max) throw new Fault("exhausted", `${path} unpacks to more than ${max} bytes`);
      yield chunk;
    }
  };
  const inflate = packing === "gzip" ? createGunzip() : createZstdDecompress();
  try {
    await pipeline(
      createReadStream(path),
      inflate,
      bounded,
      createWriteStream(to, { flags: "wx", mode: 0o600 }),
      { signal },
    );
  } catch (cause) {
    if (cause instanceof Fault || signal.aborted) throw cause;
    if (isSystemError(cause)) throw systemFault(`unpacking ${path}`, cause, { path: to });
    throw new Fault("corrupt", `${path} can't be unpacked`, { cause });
  }
}

class TarArchive implements Archive {
  readonly #file: FileHandle;
  readonly #entries: ReadonlyMap<string, TarFile>;

  constructor(file: FileHandle, entries: ReadonlyMap<string, TarFile>) {
    this.#file = file;
    this.#entries = entries;
  }

  async size(name: string): Promise<Bytes | undefined> {
    return this.#entries.get(name)?.size;
  }

  async read(name: string, max: Bytes): Promise<Buffer> {
    const { offset, size } = this.#entry(name);
    if (size > max) throw tooLarge(name, max);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(size), 0, size, offset);
    if (bytesRead !== size) throw new Fault("corrupt", `the archive is cut short in ${name}`);
    return buffer;
  }

  async list(directory: string): Promise<string[]> {
    const inside = [...this.#entries.keys()].filter((name) => dirname(name) === directory);
    return inside.map((name) => basename(name));
  }

  stream(name: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { offset, size } = this.#entry(name);
    return chunksOf(this.#file, offset, size, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }

  #entry(name: string): TarFile {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Fault("corrupt", `the archive lacks ${name}`);
    return entry;
  }
}

class DirectoryArchive implements Archive {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async size(name: string): Promise<Bytes | undefined> {
    await using file = await this.#open(name);
    return file === undefined ? undefined : (await file.stat()).size;
  }

  async read(name: string, max: Bytes): Promise<Buffer> {
    await using file = await this.#open(name);
    if (file === undefined) throw new Fault("corrupt", `the directory lacks ${name}`);
    if ((await file.stat()).size > max) throw tooLarge(name, max);
    const bytes = await file.readFile();
    if (bytes.length > max) throw tooLarge(name, max);
    return bytes;
  }

  async list(directory: string): Promise<string[]> {
    try {
      using root = openDirectory(this.#path);
      using found = openBeneath(root.fd, directory, constants.O_RDONLY | constants.O_DIRECTORY);
      const entries = await readdir(pathAt(found.fd), { withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    } catch {
      return [];
    }
  }

  async *stream(name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await using file = await this.#open(name);
    if (file === undefined) throw new Fault("corrupt", `the directory lacks ${name}`);
    yield* chunksOf(file, 0, (await file.stat()).size, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Never leaves the directory, whatever links lie in it, and never hangs on what is no file. */
  async #open(name: string): Promise<FileHandle | undefined> {
    try {
      using root = openDirectory(this.#path);
      using found = openBeneath(root.fd, name, O_PATH);
      if (!(await stat(pathAt(found.fd))).isFile()) return undefined;
      return await open(pathAt(found.fd), "r");
    } catch {
      return undefined;
    }
  }
}

/** Chunks with memory of their own, as readers may hand it on to another thread. */
async function* chunksOf(
  file: FileHandle,
  offset: Bytes,
  size: Bytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < size; ) {
    signal.throwIfAborted();
    const chunk = new Uint8Array(Math.min(1 << 18, size - done));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset + done);
    if (bytesRead === 0) throw new Fault("corrupt", "the archive is cut short");
    done += bytesRead;
    yield bytesRead === chunk.length ? chunk : chunk.slice(0, bytesRead);
  }
}

function tooLarge(name: string, max: Bytes): Fault {
  return new Fault("exhausted", `${name} has more than ${max} bytes`);
}
