import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault } from "../../base/fault.ts";
import { GzipTail } from "./gzip-tail.ts";

type Chunks = AsyncIterable<Uint8Array>;
type Take = (chunk: Uint8Array) => void;

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
    pieces.push(next.value);
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
    await passThrough(engine, engine, counted, take);
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

const followedByGarbage = () => new Fault("corrupt", "something follows the end of the compressed layer");

/** igzip is four times faster than zlib, and as a process of its own it runs beside the writing. */
async function byIgzip(path: string, chunks: Chunks, take: Take): Promise<void> {
  const child = spawn(path, ["-d", "-c"], { stdio: "pipe", env: {} });
  const tail = new GzipTail();
  const said: Uint8Array[] = [];
  let unpacked = 0;
  child.stderr.on("data", (chunk: Uint8Array) => said.length < 8 && said.push(chunk));
  const closed = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Fault("unavailable", `starting ${path}`, { cause: error })));
    child.once("close", (code, signal) => {
      const message = Buffer.concat(said).toString("utf8").trim().slice(0, 500);
      if (code === 0) resolve();
      else if (signal !== null) reject(new Fault("internal", `${path} was ended by ${signal}`));
      else reject(new Fault("corrupt", "the layer can't be inflated", { cause: new Error(message) }));
    });
  });
  closed.catch(() => undefined);
  const watched = (async function* () {
    for await (const chunk of chunks) {
      tail.push(chunk);
      yield chunk;
    }
  })();
  try {
    await passThrough(child.stdin, child.stdout, watched, (chunk) => {
      unpacked += chunk.length;
      take(chunk);
    });
    await closed;
  } catch (error) {
    if (!(error instanceof EndedEarly)) {
      child.kill("SIGKILL");
      await closed.catch(() => undefined);
      throw error;
    }
    await closed; // its own word goes first
    throw followedByGarbage();
  }
  if (tail.endsInGarbage(unpacked)) throw followedByGarbage();
}

/** The output ended while there was still input. */
class EndedEarly extends Error {}

/**
 * Feeds `chunks` to `input` as fast as it takes them, and gives what comes from `output` to `take`. Ends when the
 * output does.
 *
 * @throws what `chunks` or `take` throws, and errors of the streams
 */
async function passThrough(input: Writable, output: Readable, chunks: Chunks, take: Take): Promise<void> {
  const stop = new AbortController();
  const ended = new Promise<void>((resolve, reject) => {
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
  // What ends the output says why; the input only notices (EPIPE).
  input.on("error", (error) => (Object.is(input, output) ? undefined : stop.abort(error)));
  const over = ended.finally(() => stop.abort());
  over.catch(() => undefined);
  await Promise.all([over, feed(input, chunks, stop.signal)]).finally(() => stop.abort());
}

async function feed(input: Writable, chunks: Chunks, stop: AbortSignal): Promise<void> {
  for await (const chunk of chunks) {
    if (stop.aborted || input.destroyed) throw new EndedEarly();
    if (!input.write(chunk)) await once(input, "drain", { signal: stop }).catch(() => undefined);
  }
  if (!stop.aborted) input.end();
}
