import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { digestOf } from "./digest.ts";
import { mediaTypes, parseManifest } from "./oci-image.ts";
import { parseHistory, parseImageConfig } from "./oci-image-config.ts";

const digest = digestOf("x");
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const layer = { mediaType: `${mediaTypes.ociLayer}+gzip`, digest, size: 1 };
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.dockerIndex,
  manifests: [
    {
      ...config,
      mediaType: mediaTypes.dockerManifest,
      platform: { architecture: "arm64", os: "linux", variant: "v8" },
    },
  ],
};

test("a manifest is read by what the server says, and by what it says of itself", () => {
  for (const type of [mediaTypes.ociManifest, "application/json", "", undefined]) {
    const parsed = parseManifest(encode(manifest), type);
    assert.equal(parsed.kind, "manifest");
    assert.equal(parsed.mediaType, mediaTypes.ociManifest);
  }
  const { mediaType: _, ...untyped } = manifest;
  assert.equal(parseManifest(encode(untyped), undefined).mediaType, mediaTypes.ociManifest);
  const list = parseManifest(encode(index), mediaTypes.dockerIndex);
  assert.equal(list.kind === "index" && list.manifests[0]?.platform?.variant, "v8");
});

test("a manifest that could be taken for two things is refused", () => {
  const both = { ...manifest, mediaType: undefined, manifests: [] };
  assert.throws(
    () => parseManifest(encode(both), undefined),
    (error) => isFault(error, "corrupt"),
  );
  assert.throws(
    () => parseManifest(encode(manifest), mediaTypes.ociIndex),
    (error) => isFault(error, "corrupt"),
  );
});

test("schema 1 is told by name", () => {
  const v1 = { schemaVersion: 1, name: "x", fsLayers: [], signatures: [] };
  assert.throws(() => parseManifest(encode(v1), undefined), /schema 1/);
  assert.throws(
    () => parseManifest(encode({}), "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    (error) => isFault(error, "unimplemented"),
  );
});

test("errors name the field", () => {
  const bad = { ...manifest, layers: [layer, { ...layer, size: -1 }] };
  assert.throws(() => parseManifest(encode(bad), undefined), /layers\.1\.size/);
  const path = { ...manifest, layers: [{ ...layer, digest: "sha256:../../../etc/passwd" }] };
  assert.throws(() => parseManifest(encode(path), undefined), /layers\.0\.digest/);
});

test("an image config as Go writes it, with null for what is empty", () => {
  const parsed = parseImageConfig(
    encode({
      architecture: "amd64",
      os: "linux",
      config: {
        Env: null,
        Cmd: ["sh"],
        Labels: null,
        Volumes: { "/data": {} },
        Entrypoint: null,
        User: "1:2",
      },
      rootfs: { type: "layers", diff_ids: [digest] },
      history: [{ created_by: "x" }],
    }),
  );
  assert.deepEqual(parsed.config.Env, []);
  assert.deepEqual(parsed.config.Volumes, { "/data": {} });
  assert.equal(parsed.config.User, "1:2");
  assert.deepEqual(parsed.rootfs.diff_ids, [digest]);
  const bare = parseImageConfig(
    encode({ architecture: "a", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
  );
  assert.deepEqual(bare.config.Cmd, []);
  assert.throws(
    () => parseImageConfig(encode({ ...bare, config: { Env: ["A=\0"] } })),
    /config\.Env\.0: holds a NUL/,
  );
});

test("whatever bytes come, the answer is a document or a Fault", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json().map((text) => new TextEncoder().encode(text)),
        fc.uint8Array(),
      ),
      (bytes) => {
        for (const parse of [(b: Uint8Array) => parseManifest(b, undefined), parseImageConfig]) {
          try {
            parse(bytes);
          } catch (error) {
            assert.ok(isFault(error), String(error));
          }
        }
      },
    ),
  );
});

/** The document with the value that is the `at`th in it, counted from the outermost, in the place of which stands `other`. */
function withOther(document: unknown, at: number, other: unknown): unknown {
  let left = at;
  const copy = (value: unknown): unknown => {
    if (left-- === 0) return other;
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]));
  };
  return copy(document);
}

test("what is almost a document is one or a Fault of what it is, however deep it lies", () => {
  const image = {
    architecture: "a",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digest] },
  };
  const other = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(null, -1, 1.5, 1e308, "", "\0", "__proto__", digest, []),
  );
  const survives = (bytes: Uint8Array) => {
    for (const parse of [(b: Uint8Array) => parseManifest(b, undefined), parseImageConfig, parseHistory]) {
      try {
        parse(bytes);
      } catch (error) {
        assert.ok(isFault(error, "corrupt", "unimplemented"), String(error));
      }
    }
  };
  const near = fc.tuple(fc.constantFrom(manifest, index, image), fc.nat(16), other);
  fc.assert(
    fc.property(near, ([document, at, value]) => survives(encode(withOther(document, at, value)))),
    { numRuns: 500 },
  );
  const deep = `${"[".repeat(300_000)}${"]".repeat(300_000)}`;
  for (const key of ["layers", "manifests", "annotations", "history", "x"])
    survives(new TextEncoder().encode(`{"schemaVersion":2,"${key}":${deep}}`));
});
