import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { FaultKind } from "../../base/fault.ts";
import { type MadeImage, makeImage, randomLayer } from "../../registry/testing/made-image.ts";
import type { SeenRequest } from "../../registry/testing/odd-server.ts";
import { digestOf } from "../../spec/digest.ts";
import { type Descriptor, mediaTypes } from "../../spec/oci-image.ts";
import type { ImageServer } from "./image-server.ts";
import type { NodeSettings, TestNode } from "./node.ts";

/** One way in which a registry misbehaves, and what comes of it. */
export interface Misbehaviour {
  /** As in the table of docs/registries.md. */
  readonly name: string;
  readonly kind: FaultKind;
  /** What the message has to say at least. */
  readonly says: RegExp;
  /** Requests at most: 3 tries of one and those before it, unless said. */
  readonly requests?: number;
  /** In the place of the usual. */
  readonly settings?: NodeSettings;
  /** Sets up `app:1`. What is put on `until` is disposed of after the pull. */
  prepare(server: ImageServer, node: TestNode, until: AsyncDisposableStack): void | Promise<void>;
}

/** An image of one layer. */
export const plain: MadeImage = makeImage([randomLayer("data", 50_000, 1)]);

/** Its layer, and the layer's bytes. */
export const [layer, layerBytes] = ((): [Descriptor, Buffer] => {
  const [first] = plain.layers;
  const bytes = first && plain.blobs.get(first.digest);
  if (first === undefined || bytes === undefined) throw new Error("an image without a layer");
  return [first, bytes];
})();

/** Serves `image`, but answers what is asked for at a path with `part` by `answer`. */
export function oddAt(
  part: string,
  answer: (response: ServerResponse, request: SeenRequest) => void,
  image: MadeImage = plain,
): (server: ImageServer) => void {
  return (server) => {
    server.add("app", "1", image);
    server.odd = (request, response) => {
      if (!request.path.includes(part)) return false;
      answer(response, request);
      return true;
    };
  };
}

/** Serves a manifest that says what `change` makes of the usual one; true to its digest. */
export function otherManifest(
  change: (usual: { config: Descriptor; layers: readonly Descriptor[] }) => object,
  mediaType: string = mediaTypes.ociManifest,
): (server: ImageServer) => void {
  return (server) => {
    server.add("app", "1", plain);
    const usual = JSON.parse(plain.manifestBytes.toString());
    server.addManifest("app:1", mediaType, Buffer.from(JSON.stringify(change(usual))));
  };
}

/** Serves an image whose one layer is `bytes`, true to its digest and size. */
export function otherLayer(bytes: Buffer, packing = "gzip"): (server: ImageServer) => void {
  return (server) => {
    const digest = digestOf(bytes);
    server.blobs.set(digest, bytes);
    const blob = { mediaType: `${mediaTypes.ociLayer}+${packing}`, digest, size: bytes.length };
    otherManifest((usual) => ({ ...usual, layers: [blob] }))(server);
    server.blobs.set(digest, bytes);
  };
}

/** Serves an image whose config says what `change` makes of the usual one. */
export function otherConfig(change: (usual: object) => unknown): (server: ImageServer) => void {
  return (server) => {
    const usual = JSON.parse((plain.blobs.get(plain.id) ?? Buffer.alloc(0)).toString());
    const bytes = Buffer.from(JSON.stringify(change(usual)));
    const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(bytes), size: bytes.length };
    otherManifest((manifest) => ({ ...manifest, config }))(server);
    server.blobs.set(config.digest, bytes);
  };
}

/** Serves an index that holds these manifests. */
export function anIndex(manifests: readonly object[]): (server: ImageServer) => void {
  return otherManifest(
    () => ({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
    mediaTypes.ociIndex,
  );
}

/** A body that never ends. */
export function endless(response: ServerResponse): void {
  const more = (): void =>
    void (response.destroyed || setImmediate(() => response.write("x".repeat(65_536), more)));
  more();
}

/** What `bytes` look like in gzip. */
export const gzipped = (bytes: Buffer): Buffer => gzipSync(bytes);
