import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import type { DiffId, Digest } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import { systemFault } from "../../linux/libc.ts";
import { artifactDiffId } from "../../spec/artifact.ts";
import { TarReader } from "../../wire/tar/read.ts";
import { tarEnd, tarHeader, tarPadding } from "../../wire/tar/write.ts";
import { FileListWriter } from "../files/list-writer.ts";
import { treeOf, writeNotes } from "../notes.ts";
import type { LayerCipher, UnpackedLayer, UnpackLimits, UnpackRequest } from "../unpack-contract.ts";
import { deciphered } from "./decipher.ts";
import { checkMediaType, inflate } from "./inflate.ts";
import { LayerWriter } from "./layer-writer.ts";

/** One layer to unpack, as a worker gets it. */
export interface UnpackJob {
  readonly directory: string;
  readonly mediaType: string;
  readonly cipher: LayerCipher | undefined;
  readonly limits: UnpackLimits;
  readonly artifact: UnpackRequest["artifact"];
  readonly keepBlobAt: string | undefined;
  readonly listFilesAt: string | undefined;
  /** Path of igzip, where it is installed. */
  readonly igzip: string | undefined;
}

/**
 * Deciphers, inflates, hashes and unpacks a layer in one pass, within this thread.
 *
 * @param blob as it came, each chunk valid until the next is asked for; an abort makes it throw
 * @throws {Fault} as `LayerUnpacker.unpackLayer` says; else what `blob` throws
 */
export async function unpack(job: UnpackJob, blob: AsyncIterable<Uint8Array>): Promise<UnpackedLayer> {
  const { artifact } = job;
  const file = artifact?.content.kind === "file" ? artifact.content : undefined;
  if (file === undefined) checkMediaType(job.mediaType);
  const { maxUnpacked } = job.limits;
  const tree = treeOf(job.directory);
  makeTree(tree);
  using list = job.listFilesAt === undefined ? undefined : new FileListWriter(job.listFilesAt);
  using writer = new LayerWriter(tree, job.limits, list);
  using kept = keepBlob(job.keepBlobAt);
  const reader = new TarReader(writer);
  const [compressed, uncompressed] = [createHash("sha256"), createHash("sha256")];
  let blobSize = 0;
  let unpackedBytes = 0;
  const hashed = (async function* () {
    for await (const chunk of blob) {
      compressed.update(chunk);
      blobSize += chunk.length;
      kept.write(chunk);
      yield chunk;
    }
  })();
  const plain = job.cipher === undefined ? hashed : deciphered(hashed, job.cipher);
  const take = (chunk: Uint8Array) => {
    unpackedBytes += chunk.length;
    if (unpackedBytes > maxUnpacked)
      throw new Fault("exhausted", `the layer unpacks to more than ${maxUnpacked} bytes`);
    if (artifact === undefined) uncompressed.update(chunk);
    reader.push(chunk);
  };
  if (artifact === undefined || file === undefined) await inflate(plain, job.igzip, take);
  else await asTar(plain, file.path, artifact.size, take);
  reader.end();
  writeNotes(job.directory, writer.finish());
  list?.end();
  const blobDigest = `sha256:${compressed.digest("hex")}` as Digest;
  return {
    blobDigest,
    blobSize,
    diffId:
      artifact === undefined
        ? (`sha256:${uncompressed.digest("hex")}` as DiffId)
        : artifactDiffId(artifact.content, blobDigest),
    unpackedBytes,
    files: writer.entries,
  };
}

/** A blob as the one file of a tar. @throws {Fault} corrupt when it has another size than was said */
async function asTar(
  blob: AsyncIterable<Uint8Array>,
  path: string,
  size: Bytes,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  let came = 0;
  take(tarHeader({ name: Buffer.from(path).toString("latin1"), size }));
  for await (const chunk of blob) {
    came += chunk.length;
    if (came > size) break;
    take(chunk);
  }
  if (came !== size)
    throw new Fault("corrupt", `${came > size ? "more" : came} of ${size} bytes came for the file ${path}`);
  take(tarPadding(size));
  take(tarEnd);
}

function makeTree(tree: string): void {
  try {
    mkdirSync(tree, { mode: 0o700, recursive: true }); // a snapshotter may have made it
  } catch (error) {
    throw systemFault(`making ${tree}`, error);
  }
}

interface KeptBlob extends Disposable {
  write(chunk: Uint8Array): void;
}

function keepBlob(path: string | undefined): KeptBlob {
  if (path === undefined) return { write: () => undefined, [Symbol.dispose]: () => undefined };
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw systemFault(`keeping the layer's blob at ${path}`, error, { path });
    }
  };
  const fd = attempt(() => openSync(path, "wx", 0o600));
  return {
    write(chunk) {
      for (let done = 0; done < chunk.length; ) done += attempt(() => writeSync(fd, chunk, done));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
