import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream, lstatSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";

/** As many layers at once as this: gzip is what takes the time. */
const atOnce = 2;
const roots = ["/usr/lib", "/usr/bin", "/usr/share", "/usr/local", "/usr/src", "/usr/include"];

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What an image is made of: this machine's files, in the order of their names. */
export interface BigRecipe {
  readonly layers: number;
  /** About how much it is unpacked. */
  readonly bytes: number;
  readonly compression: "gzip" | "zstd";
  /** No more files than this. */
  readonly files?: number;
  /** Only files of less than this. */
  readonly below?: number;
}

/** Writes an OCI image layout of this recipe. */
export async function writeBigLayout(layout: string, recipe: BigRecipe): Promise<void> {
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const lists = shares(recipe);
  const layers: { diffId: string; descriptor: Descriptor }[] = [];
  for (let at = 0; at < lists.length; at += atOnce) {
    const some = lists.slice(at, at + atOnce);
    layers.push(
      ...(await Promise.all(
        some.map((files, index) => writeLayer(layout, at + index, files, recipe.compression)),
      )),
    );
  }
  const config = writeJson(layout, "application/vnd.oci.image.config.v1+json", {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/bin/true"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const manifest = writeJson(layout, "application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

/** A layer's share of files each, in the order of their names, until there are layers enough. */
function shares({ layers, bytes, files = Number.POSITIVE_INFINITY, below }: BigRecipe): string[][] {
  const lists: string[][] = [];
  let list: string[] = [];
  let size = 0;
  for (const path of roots.flatMap((root) => [...filesBelow(root)])) {
    const bytesOfFile = lstatSync(path).size;
    if (below !== undefined && bytesOfFile >= below) continue;
    list.push(path);
    size += bytesOfFile;
    if (size < bytes / layers && list.length < files / layers) continue;
    lists.push(list);
    if (lists.length === layers) return lists;
    list = [];
    size = 0;
  }
  if (list.length > 0) lists.push(list);
  return lists;
}

function* filesBelow(directory: string): Generator<string> {
  const entries = readdirSync(directory, { withFileTypes: true }).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

async function writeLayer(
  layout: string,
  index: number,
  files: readonly string[],
  compression: BigRecipe["compression"],
) {
  const tar = spawn(
    "tar",
    [
      ...["--create", "--no-recursion", "--null", "--files-from=-", "--absolute-names"],
      ...["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--hard-dereference"],
      `--transform=s,^/,data${index}/,`,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const ended = new Promise<number | null>((resolve) => tar.once("exit", resolve));
  tar.stdin.end(files.join("\0"));
  const unpacked = new Counted();
  const packed = new Counted();
  const path = join(layout, `layer-${index}`);
  await pipeline(
    tar.stdout,
    unpacked,
    compression === "gzip" ? createGzip() : createZstdCompress(),
    packed,
    createWriteStream(path),
  );
  const code = await ended;
  if (code !== 0) throw new Error(`tar ended with ${code}`);
  const digest = packed.digest();
  renameSync(path, join(layout, "blobs", digest.replace(":", "/")));
  const mediaType = `application/vnd.oci.image.layer.v1.tar+${compression}`;
  return { diffId: unpacked.digest(), descriptor: { mediaType, digest, size: packed.size } };
}

function writeJson(layout: string, mediaType: string, content: object): Descriptor {
  const data = JSON.stringify(content);
  const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
  writeFileSync(join(layout, "blobs", digest.replace(":", "/")), data);
  return { mediaType, digest, size: Buffer.byteLength(data) };
}

/** Passes bytes on, hashed and counted. */
class Counted extends Transform {
  readonly #hash = createHash("sha256");
  size = 0;

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    this.size += chunk.length;
    done(null, chunk);
  }

  digest(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}
