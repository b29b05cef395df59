import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { type EstargzLayer, estargzOf } from "./estargz.ts";
import { type TarEntry, tarOf } from "./tar.ts";

/** An image as tests describe it: uncompressed layers, and the `config` section of the OCI image config. */
export interface ImageRecipe {
  /** As in `registry.test/busybox:1`. */
  readonly name: string;
  readonly layers: readonly (readonly TarEntry[])[];
  /** Packs layers so that parts of them can be read. */
  readonly estargz?: true;
  readonly config: {
    readonly Cmd?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Env?: readonly string[];
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly StopSignal?: string;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly Volumes?: Readonly<Record<string, object>>;
  };
  /** Of its manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The steps of its making (OCI image spec, config: history). */
  readonly history?: readonly { readonly created_by: string; readonly empty_layer?: boolean }[];
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

/** Writes the image as an OCI archive (a tar of an OCI image layout) to `path`. Deterministic. */
export async function writeOciArchive(recipe: ImageRecipe, path: string): Promise<void> {
  const blobs = new Map<string, Buffer>();
  const layers = recipe.layers.map((entries) => {
    const { tar, blob: packed, annotations } = recipe.estargz ? estargzOf(entries) : gzipped(entries);
    const descriptor = blob(blobs, mediaTypes.layer, packed);
    return { diffId: digestOf(tar), descriptor: annotations ? { ...descriptor, annotations } : descriptor };
  });
  const config = blob(blobs, mediaTypes.config, {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: { Env: [defaultPath], ...recipe.config },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    ...(recipe.history === undefined ? {} : { history: recipe.history }),
  });
  const manifest = blob(blobs, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
    ...(recipe.annotations === undefined ? {} : { annotations: recipe.annotations }),
  });
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ ...manifest, annotations: annotationsFor(recipe.name) }],
  };
  await writeFile(path, tarOf(layoutEntries(blobs, index)));
}

function gzipped(
  entries: readonly TarEntry[],
): Omit<EstargzLayer, "annotations"> & { annotations?: undefined } {
  const tar = tarOf(entries);
  return { tar, blob: gzipSync(tar) };
}

/** Both spellings of the name that importers look for: the whole reference, and the bare tag of the OCI layout. */
function annotationsFor(name: string): Record<string, string> {
  return {
    "io.containerd.image.name": name,
    "org.opencontainers.image.ref.name": name,
  };
}

function layoutEntries(blobs: ReadonlyMap<string, Buffer>, index: object): TarEntry[] {
  const file = (path: string, data: Buffer): TarEntry => ({ path, kind: "file", mode: 0o644, data });
  return [
    file("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))),
    file("index.json", Buffer.from(JSON.stringify(index))),
    { path: "blobs/", kind: "directory", mode: 0o755 },
    { path: "blobs/sha256/", kind: "directory", mode: 0o755 },
    ...[...blobs].map(([digest, data]) => file(`blobs/${digest.replace(":", "/")}`, data)),
  ];
}

function blob(blobs: Map<string, Buffer>, mediaType: string, content: Buffer | object) {
  const data = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const digest = digestOf(data);
  blobs.set(digest, data);
  return { mediaType, digest, size: data.length };
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
