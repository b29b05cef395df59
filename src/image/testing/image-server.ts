import type { ServerResponse } from "node:http";
import type { MadeImage } from "../../registry/testing/made-image.ts";
import { type OddServer, type SeenRequest, startOddServer } from "../../registry/testing/odd-server.ts";
import { digestOf } from "../../spec/digest.ts";
import type { Descriptor } from "../../spec/oci-image.ts";

/** A registry for anonymous reading that counts requests, and misbehaves where the test wants it. */
export interface ImageServer extends OddServer {
  /** Manifests and indexes by `repository:tag` or digest. */
  readonly manifests: Map<string, { descriptor: Descriptor; bytes: Buffer }>;
  /** Blobs by digest. */
  readonly blobs: Map<string, Buffer>;
  add(repository: string, tag: string, image: MadeImage): void;
  addManifest(name: string, mediaType: string, bytes: Buffer): void;
  /** How often `part` of a path was asked for. */
  count(part: string): number;
  /** Answers in the place of the server; returns false to leave it to that. */
  odd: (request: SeenRequest, response: ServerResponse) => boolean;
}

/** Starts one. */
export async function startImageServer(): Promise<ImageServer> {
  const manifests: ImageServer["manifests"] = new Map();
  const blobs: ImageServer["blobs"] = new Map();
  let odd: ImageServer["odd"] = () => false;
  const server = await startOddServer((request, response) => {
    if (odd(request, response)) return;
    const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.path) ?? [];
    const found = manifests.get(`${repository}:${name}`) ?? manifests.get(name ?? "");
    if (kind === "manifests" && found !== undefined) {
      const { mediaType, digest, size } = found.descriptor;
      response.writeHead(200, {
        "content-type": mediaType,
        "docker-content-digest": digest,
        "content-length": size,
      });
      return void response.end(request.method === "HEAD" ? undefined : found.bytes);
    }
    const blob = kind === "blobs" ? blobs.get(name ?? "") : undefined;
    if (blob === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": blob.length });
    response.end(blob);
  });
  const addManifest = (name: string, mediaType: string, bytes: Buffer) => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    manifests.set(name, { descriptor, bytes }).set(descriptor.digest, { descriptor, bytes });
  };
  return {
    ...server,
    manifests,
    blobs,
    addManifest,
    add(repository, tag, image) {
      addManifest(`${repository}:${tag}`, image.manifest.mediaType, image.manifestBytes);
      for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
    },
    count: (part) =>
      server.seen.filter((request) => request.path.includes(part) && request.method === "GET").length,
    get odd() {
      return odd;
    },
    set odd(other) {
      odd = other;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
