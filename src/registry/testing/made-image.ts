import { readFileSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { gzipSync } from "node:zlib";
import { type TarEntry, tarOf } from "../../../test/images/tar.ts";
import type { DiffId, Digest } from "../../base/ids.ts";
import { digestOf } from "../../spec/digest.ts";
import { type Descriptor, mediaTypes } from "../../spec/oci-image.ts";
import type { TestRegistry } from "./docker-registry.ts";

/** An image made up for a test, with everything that a registry needs to have it. */
export interface MadeImage {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly DiffId[];
  /** Config and layers by digest. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
  readonly manifestBytes: Buffer;
}

/** What is unlike the usual in an image. */
export interface Oddities {
  readonly docker?: boolean;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
  /** In the place of the true diff ids. */
  readonly diffIds?: readonly DiffId[];
  readonly config?: object;
}

/** Makes an image of these layers, gzipped. The same layers, the same image. */
export function makeImage(layers: readonly (readonly TarEntry[])[], odd: Oddities = {}): MadeImage {
  const blobs = new Map<Digest, Buffer>();
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const layerType = odd.docker
    ? "application/vnd.docker.image.rootfs.diff.tar.gzip"
    : `${mediaTypes.ociLayer}+gzip`;
  const tars = layers.map((entries) => tarOf(entries));
  const descriptors = tars.map((tar) => add(layerType, gzipSync(tar)));
  const diffIds = odd.diffIds ?? tars.map((tar) => digestOf(tar));
  const platform = odd.platform ?? {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
  };
  const config = { ...platform, config: odd.config ?? {}, rootfs: { type: "layers", diff_ids: diffIds } };
  const configBytes = Buffer.from(JSON.stringify(config));
  const described = add(odd.docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, configBytes);
  const mediaType = odd.docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const manifestBytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers: descriptors }),
  );
  const manifest = { mediaType, digest: digestOf(manifestBytes), size: manifestBytes.length };
  return { id: described.digest, manifest, layers: descriptors, diffIds, blobs, manifestBytes };
}

/** A layer of one file whose content is not packed much. */
export function randomLayer(name: string, bytes: number, seed: number): TarEntry[] {
  const data = Buffer.alloc(bytes);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < bytes; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[index] = state >>> 24;
  }
  return [{ path: name, kind: "file", mode: 0o644, data }];
}

/** Uploads the image's blobs, and its manifest under `tags`. */
export async function pushImage(
  registry: TestRegistry,
  repository: string,
  image: MadeImage,
  tags: readonly string[],
): Promise<void> {
  for (const [digest, bytes] of image.blobs) {
    const { location } = await send(registry, "POST", `/v2/${repository}/blobs/uploads/`);
    const url = new URL(location ?? "", registry.url);
    url.searchParams.set("digest", digest);
    await send(registry, "PUT", url.href, bytes, "application/octet-stream");
  }
  for (const tag of tags)
    await pushManifest(registry, repository, tag, image.manifest.mediaType, image.manifestBytes);
}

/** Uploads a manifest or an index as it is. @returns its descriptor */
export async function pushManifest(
  registry: TestRegistry,
  repository: string,
  tag: string,
  mediaType: string,
  bytes: Buffer,
): Promise<Descriptor> {
  await send(registry, "PUT", `/v2/${repository}/manifests/${tag}`, bytes, mediaType);
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function send(
  registry: TestRegistry,
  method: string,
  path: string,
  body?: Buffer,
  type?: string,
): Promise<{ location: string | undefined }> {
  const url = new URL(path, registry.url);
  const headers = {
    ...registry.headers,
    "content-length": body?.length ?? 0,
    ...(type ? { "content-type": type } : {}),
  };
  const ca = registry.ca === undefined ? {} : { ca: readFileSync(registry.ca) };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? tlsRequest : plainRequest)(url, {
      method,
      headers,
      agent: false,
      ...ca,
    });
    request.on("error", reject);
    request.on("response", (answer) => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      if (status >= 300) reject(new Error(`${method} ${url.pathname} answers ${status}`));
      else answer.on("end", () => resolve({ location: answer.headers.location }));
    });
    request.end(body);
  });
}
