import type { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault } from "../../base/fault.ts";
import { byIgzip } from "./igzip.ts";
import { type Chunks, EndedEarly, followedByGarbage, passThrough, type Take } from "./stream.ts";

/** A gzip smaller than this is inflated within the worker: starting igzip takes longer. */
const worthAProcess = 524_288;
/** What the largest frames of real encoders need; bounds the memory that a frame can ask for (RFC 8878, 3.1.1.1.2). */
const zstdWindowLog = 27;
const outputChunk = 262_144;

/** @throws {Fault} invalid unless this is a layer's media type of OCI or Docker */
export function checkMediaType(mediaType: string): void {
  const oci = /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+(gzip|zstd))?$/;
  const docker = /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.(gzip|zstd))?$/;
  if (oci.test(mediaType) || docker.test(mediaType)) return;
  throw new Fault(
    "invalid",
    `${JSON.stringify(mediaType)} is not the media type of a layer that can be unpacked`,
  );
}

/**
 * Inflates what the blob says it is, by its first bytes: media types are known to lie (a `tar.gzip` that was never
 * compressed), and the digest of what comes out tells whether it is right.
 *
 * @param igzip the path of igzip, where it is installed
 * @throws {Fault} corrupt: damaged, cut short, or followed by something else; else what `chunks` or `take` threw
 */
export async function inflate(chunks: Chunks, igzip: string | undefined, take: Take): Promise<void> {
  const source = chunks[Symbol.asyncIterator]();
  const { first, whole } = await begin(source);
  const all = rejoin(first, source);
  const magic = first.subarray(0, 4).toHex();
  if (magic.startsWith("1f8b")) {
    if (igzip !== undefined && !whole) await byIgzip(igzip, all, take);
    else await byZlib(createGunzip({ chunkSize: outputChunk }), all, take);
  } else if (magic === "28b52ffd" || /^5.2a4d18$/.test(magic)) {
    const params = { [zstdMaxWindow]: zstdWindowLog };
    await byZlib(createZstdDecompress({ chunkSize: outputChunk, params }), all, take);
  } else {
    for await (const chunk of all) take(chunk);
  }
}

/** ZSTD_d_windowLogMax. */
const zstdMaxWindow = 100;

/** Reads on until it is known whether the blob is a small one. */
async function begin(source: AsyncIterator<Uint8Array>): Promise<{ first: Uint8Array; whole: boolean }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const next = await source.next();
    if (next.done === true) return { first: Buffer.concat(pieces), whole: true };
    pieces.push(Buffer.from(next.value));
    size += next.value.length;
    if (size >= worthAProcess) return { first: Buffer.concat(pieces), whole: false };
  }
}

async function* rejoin(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function byZlib(
  engine: ReturnType<typeof createGunzip | typeof createZstdDecompress>,
  chunks: Chunks,
  take: Take,
): Promise<void> {
  let fed = 0;
  const counted = (async function* () {
    for await (const chunk of chunks) {
      fed += chunk.length;
      yield chunk;
    }
  })();
  try {
    await passThrough(engine, outputOf(engine, take), counted);
  } catch (error) {
    if (error instanceof EndedEarly) throw followedByGarbage();
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (/^(Z_|ZSTD_|ERR_ZSTD)/.test(code))
      throw new Fault("corrupt", "the layer can't be inflated", { cause: error });
    throw error;
  } finally {
    engine.close();
  }
  if (engine.bytesWritten !== fed) throw followedByGarbage();
}

/** Gives what comes from `output` to `take`. Rejects with what that throws, and with the output's own errors. */
function outputOf(output: Readable, take: Take): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    output.on("data", (chunk: Uint8Array) => {
      try {
        take(chunk);
      } catch (error) {
        output.removeAllListeners("data");
        output.destroy();
        reject(error);
      }
    });
    output.once("end", resolve);
    output.once("error", reject);
    output.once("close", resolve);
  });
}
