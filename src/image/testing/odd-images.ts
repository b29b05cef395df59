import { zstdCompressSync } from "node:zlib";
import { type TarEntry, tarOf } from "../../../test/images/tar.ts";
import { makeImage, randomLayer } from "../../registry/testing/made-image.ts";
import { digestOf } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/oci-image.ts";
import type { ImageServer } from "./image-server.ts";
import {
  anIndex,
  gzipped,
  layer,
  layerBytes,
  type Misbehaviour,
  otherConfig,
  otherLayer,
  otherManifest,
  plain,
} from "./misbehaviour.ts";

const file = (path: string): TarEntry => ({ path, kind: "file", mode: 0o644, data: Buffer.from("x") });
const link = (path: string, target: string): TarEntry => ({ path, kind: "symlink", mode: 0o777, target });
const zstd = zstdCompressSync(tarOf(randomLayer("data", 5000, 1)));

function image(...made: Parameters<typeof makeImage>): (server: ImageServer) => void {
  return (server) => server.add("app", "1", makeImage(...made));
}

/** Images that are not what an image should be, under digests that are true. */
export const oddImages: readonly Misbehaviour[] = [
  {
    name: "layer that is no gzip",
    kind: "corrupt",
    says: /layer sha256.*not a valid tar/,
    prepare: otherLayer(Buffer.alloc(2000, "no gzip at all")),
  },
  {
    name: "gzip followed by something else",
    kind: "corrupt",
    says: /layer sha256.*can't be inflated/,
    prepare: otherLayer(Buffer.concat([layerBytes, Buffer.from("something else")])),
  },
  {
    name: "gzip that is cut off",
    kind: "corrupt",
    says: /layer sha256.*can't be inflated/,
    prepare: otherLayer(layerBytes.subarray(0, layerBytes.length - 500)),
  },
  {
    name: "layer that is no zstd",
    kind: "corrupt",
    says: /layer sha256.*not a valid tar/,
    prepare: otherLayer(Buffer.from(zstd).fill(0, 0, 4), "zstd"),
  },
  {
    name: "zstd that is cut off",
    kind: "corrupt",
    says: /layer sha256.*can't be inflated/,
    prepare: otherLayer(zstd.subarray(0, zstd.length - 500), "zstd"),
  },
  {
    name: "layer that is no tar",
    kind: "corrupt",
    says: /layer sha256.*tar/,
    prepare: otherLayer(gzipped(Buffer.alloc(2048, "no tar"))),
  },
  {
    name: "manifest of an unknown media type",
    kind: "corrupt",
    says: /text\/html is not the media type/,
    prepare: (server) => server.addManifest("app:1", "text/html", Buffer.from("{}")),
  },
  {
    name: "manifest that says to be of another media type",
    kind: "corrupt",
    says: /was given as/,
    prepare: otherManifest((usual) => ({ ...usual, mediaType: mediaTypes.ociIndex })),
  },
  {
    name: "layer of an unknown media type",
    kind: "unimplemented",
    says: /is not the media type of an image layer/,
    prepare: otherManifest((usual) => ({ ...usual, layers: [{ ...layer, mediaType: "application/x-iso" }] })),
  },
  {
    name: "config that is none of an image",
    kind: "corrupt",
    says: /image config is malformed/,
    prepare: otherConfig(() => ({ hello: "world" })),
  },
  {
    name: "10,000 layers",
    kind: "exhausted",
    says: /10000 layers.*image\.maxLayers/,
    settings: { maxManifest: 4 << 20 },
    prepare: otherManifest((usual) => ({ ...usual, layers: Array.from({ length: 10_000 }, () => layer) })),
  },
  {
    name: "layer that is larger than allowed",
    kind: "exhausted",
    says: /image\.maxLayer/,
    prepare: otherManifest((usual) => ({ ...usual, layers: [{ ...layer, size: 1 << 29 }] })),
  },
  {
    name: "layer that unpacks to more than allowed",
    kind: "exhausted",
    says: /layer sha256/,
    settings: { maxLayer: 1 << 20 },
    prepare: image([[{ ...file("zeros"), data: Buffer.alloc(3 << 20) }]]),
  },
  {
    name: "manifest of Docker's schema 1",
    kind: "unimplemented",
    says: /schema 1.*push the image again/,
    prepare: otherManifest(
      () => ({ schemaVersion: 1, name: "app", fsLayers: [] }),
      "application/vnd.docker.distribution.manifest.v1+json",
    ),
  },
  {
    name: "manifest that is no JSON",
    kind: "corrupt",
    says: /not JSON/,
    prepare: (server) => server.addManifest("app:1", mediaTypes.ociManifest, Buffer.from("no such thing")),
  },
  {
    name: "manifest with a text for a size",
    kind: "corrupt",
    says: /image manifest is malformed: .*size/,
    prepare: otherManifest((usual) => ({ ...usual, layers: [{ ...layer, size: "12" }] })),
  },
  {
    name: "manifest with a number for the layers",
    kind: "corrupt",
    says: /image manifest is malformed: .*layers/,
    prepare: otherManifest((usual) => ({ ...usual, layers: 7 })),
  },
  {
    name: "index without an image for this node",
    kind: "notFound",
    says: /not made for linux\/.*only for linux\/s390x/,
    prepare: anIndex([{ ...plain.manifest, platform: { os: "linux", architecture: "s390x" } }]),
  },
  {
    name: "indexes in each other",
    kind: "corrupt",
    says: /indexes lie in each other/,
    prepare: (server) => {
      let inner: object = plain.manifest;
      for (let depth = 0; depth < 8; depth++) {
        anIndex([inner])(server);
        inner = server.manifests.get("app:1")?.descriptor ?? {};
      }
    },
  },
  {
    name: "index that names itself",
    kind: "corrupt",
    says: /manifest/,
    prepare: (server) => {
      const digest = digestOf("a circle");
      const self = { mediaType: mediaTypes.ociIndex, digest, size: 400 };
      anIndex([self])(server);
      const found = server.manifests.get("app:1");
      if (found !== undefined) server.manifests.set(digest, found);
    },
  },
  {
    name: "config with fewer layers than the manifest",
    kind: "corrupt",
    says: /the manifest has 1 layers, the config 0/,
    prepare: image([randomLayer("data", 1000, 1)], { diffIds: [] }),
  },
  {
    name: "layer that unpacks to another digest than the config says",
    kind: "corrupt",
    says: /it unpacks to sha256.*config says/,
    prepare: image([randomLayer("data", 1000, 1)], { diffIds: [digestOf("another")] }),
  },
  {
    name: "image for another system",
    kind: "unimplemented",
    says: /made for windows/,
    prepare: image([[file("data")]], { platform: { architecture: "amd64", os: "windows" } }),
  },
  {
    name: "file above the image's root",
    kind: "invalid",
    says: /\.\.\/out/,
    prepare: image([[file("../out")]]),
  },
  {
    name: "file through a link that leads outside",
    kind: "invalid",
    says: /leads out of the layer/,
    prepare: image([[link("way", "/tmp"), file("way/berth-must-not-be-here")]]),
  },
];
