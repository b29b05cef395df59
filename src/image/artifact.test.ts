import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { type ArtifactFile, artifactArchive, makeArtifact } from "../../test/images/artifact.ts";
import { tarOf } from "../../test/images/tar.ts";
import { describeFault } from "../base/fault.ts";
import type { ChainId, Digest } from "../base/ids.ts";
import { hostMounts } from "../linux/mounts.ts";
import { fails } from "../registry/testing/client.ts";
import { missingRegistry, startRegistry } from "../registry/testing/docker-registry.ts";
import { digestOf, hexOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import { type ImageServer, startImageServer } from "./testing/image-server.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? false : "needs root: overlay snapshots";
if (skip) console.error(`!!! SKIPPED: ${skip}`);

const type = "application/x-model";
const mediaType = "application/x-weights";
const weights = Buffer.alloc(200_000, "w");
const untitled = Buffer.from("untitled");
const packed = gzipSync(
  tarOf([{ path: "docs/readme", kind: "file", mode: 0o644, data: Buffer.from("hello") }]),
);
const layerType = `${mediaTypes.ociLayer}+gzip`;

/** Puts an artifact into the registry, and gives its reference. */
function serve(
  server: ImageServer,
  tag: string,
  files: readonly ArtifactFile[],
  artifactType = type,
): string {
  const made = makeArtifact(artifactType, files);
  server.addManifest(`model:${tag}`, made.manifest.mediaType, made.manifestBytes);
  for (const [digest, bytes] of made.blobs) server.blobs.set(digest, bytes);
  return `${server.host}/model:${tag}`;
}

/** Files of what is mounted, with the first bytes of each. */
async function seen(node: TestNode, reference: string): Promise<string[]> {
  const chain = node.images.find(reference)?.layers.at(-1)?.chainId ?? assert.fail(`no ${reference}`);
  return filesOf(node, chain);
}

async function filesOf(node: TestNode, chain: ChainId): Promise<string[]> {
  const at = join(node.root, "seen");
  mkdirSync(at, { recursive: true });
  const mounts = hostMounts();
  for (const view of await node.snapshotter.view(chain))
    await mounts.mount(view.source, at, view.type, view.options);
  try {
    return readdirSync(at, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => `${path.slice(at.length + 1)} ${readFileSync(path).subarray(0, 5)}`)
      .sort();
  } finally {
    await mounts.unmount(at);
  }
}

async function nothingLeft(node: TestNode): Promise<void> {
  assert.deepEqual([...node.images.list()], []);
  assert.deepEqual((await node.snapshotter.list()).committed, []);
  assert.deepEqual(await node.leftovers(), []);
  assert.deepEqual(await readdir(join(node.root, "content", "blobs", "sha256")), []);
}

test("an artifact's blobs are files by their titles; what was packed from a directory is unpacked", {
  skip,
}, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode();
  const model = serve(server, "1", [
    { mediaType, data: weights, title: "model/weights.bin" },
    { mediaType: "text/plain", data: Buffer.alloc(0), title: "empty" },
    { mediaType, data: untitled },
    // ORAS gives this type to any file, and packs directories like the next.
    { mediaType: mediaTypes.ociLayer, data: Buffer.from("no tar at all"), title: "model/notes é" },
    {
      mediaType: layerType,
      data: packed,
      title: "docs",
      annotations: { "io.deis.oras.content.unpack": "true" },
    },
    { mediaType: layerType, data: packed, title: "docs.tgz" },
  ]);
  const record = await node.images.pull(model, undefined, signal);
  assert.deepEqual([record.id, record.artifact?.type], [record.manifest.digest, type]);
  assert.deepEqual(await seen(node, model), [
    `${hexOf(digestOf(untitled))} untit`,
    `docs.tgz ${packed.subarray(0, 5)}`,
    "docs/readme hello",
    "empty ",
    "model/notes é no ta",
    "model/weights.bin wwwww",
  ]);

  // The config is that of every other; a blob under another title is another file, a title alone is none.
  const renamed = serve(server, "2", [{ mediaType, data: weights, title: "renamed" }]);
  const other = await node.images.pull(renamed, undefined, signal);
  assert.notEqual(other.id, record.id);
  assert.deepEqual(await seen(node, renamed), ["renamed wwwww"]);
  const bare = serve(server, "3", [{ mediaType: layerType, data: packed }], "");
  assert.equal((await node.images.pull(bare, undefined, signal)).artifact?.type, mediaTypes.ociEmpty);
  assert.deepEqual(await seen(node, bare), ["docs/readme hello"]);
  const empty = serve(server, "4", [{ mediaType: mediaTypes.ociEmpty, data: Buffer.from("{}") }]);
  assert.deepEqual((await node.images.pull(empty, undefined, signal)).layers, []);

  await node.images.remove(renamed, signal);
  const again = await node.crash("boot-1");
  assert.equal(again.images.find(model)?.artifact?.type, type);
  assert.equal((await seen(again, model)).length, 6);
  for (const name of [model, bare, empty]) await again.images.remove(name, signal);
  await nothingLeft(again);
  await again.images.close();
});

test("a blob that is not what its manifest says, and titles that can't be files beside each other", {
  skip,
}, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ keepUnfinished: 0 });
  const wrong: [Buffer, RegExp][] = [
    [Buffer.alloc(weights.length, "x"), /what came has digest/],
    [weights.subarray(0, 100), /gives 100 bytes of 200000/],
    [Buffer.alloc(weights.length + 1, "w"), /gives .*200001/],
  ];
  for (const [data, message] of wrong) {
    const name = serve(server, "1", [{ mediaType, data: weights, title: "weights" }]);
    server.blobs.set(digestOf(weights), data);
    await assert.rejects(node.images.pull(name, undefined, signal), (error: Error) => {
      assert.match(describeFault(error), message);
      return true;
    });
  }
  const made = makeArtifact(type, [{ mediaType, data: weights, title: "weights" }]);
  for (const [data] of wrong) {
    const blobs = new Map(made.blobs).set(digestOf(weights), data);
    const archive = join(node.root, "wrong.tar");
    writeFileSync(archive, artifactArchive({ ...made, blobs }, "r.example/model:1"));
    await fails(node.images.import(archive, signal), "corrupt", /what came has digest|200000 bytes came for/);
  }
  const titles: [string[], RegExp][] = [
    ...[
      "../out",
      "/etc/passwd",
      "a//b",
      "a/../b",
      ".",
      "",
      ".wh.a",
      "a/.wh..wh..opq",
      "n".repeat(256),
      "a\0b",
    ].map((title): [string[], RegExp] => [[title], /can't be the path of a file|NUL/]),
    [["one", "one"], /the title "one" is that of several blobs/],
    [["a/b", "c", "a"], /the title "a" is a directory in the title "a\/b"/],
  ];
  for (const [names, message] of titles) {
    const files = names.map((title, index) => ({ mediaType, data: Buffer.from(`file ${index}`), title }));
    await fails(node.images.pull(serve(server, "bad", files), undefined, signal), "corrupt", message);
  }
  await nothingLeft(node);
});

test("artifacts are pushed, saved and loaded; a damaged file is found and repaired", {
  skip: skip || (missingRegistry() ?? false),
}, async () => {
  await using server = await startImageServer();
  await using registry = await startRegistry();
  await using node = await openTestNode();
  const files = [
    { mediaType, data: weights, title: "model/weights.bin" },
    { mediaType, data: untitled },
  ];
  const name = serve(server, "1", files);
  const { id } = await node.images.pull(name, undefined, signal);
  const target = `${registry.host}/copied/model:1`;
  await node.images.push({ image: name, destination: target, auth: undefined }, () => undefined, signal);
  const archive = join(node.root, "saved.tar");
  writeFileSync(archive, Buffer.concat(await Array.fromAsync(node.images.export([name], signal))));
  const mounted = await seen(node, name);

  await using other = await openTestNode();
  assert.equal((await other.images.pull(target, undefined, signal)).id, id);
  assert.deepEqual(await seen(other, target), mounted);
  await other.images.remove(target, signal);
  await nothingLeft(other);
  const [loaded] = await other.images.import(archive, signal);
  assert.deepEqual([loaded?.id, loaded?.artifact?.type, loaded?.tags], [id, type, [name]]);
  assert.deepEqual(await seen(other, name), mounted);
  const blobs = [...makeArtifact(type, files).blobs.keys()] as Digest[];
  for (const digest of blobs)
    assert.ok(existsSync(join(other.root, "content", "blobs", "sha256", hexOf(digest))), digest);

  const chain = loaded?.layers[0]?.chainId ?? assert.fail();
  const file = join(await other.snapshotter.layerDirectory(chain), "model", "weights.bin");
  writeFileSync(file, Buffer.alloc(weights.length, "x"));
  const states = async (repair: boolean) => {
    const found = await Array.fromAsync(other.images.upkeep.verify([name], { repair }, signal));
    return new Set(found.flatMap(({ part }) => part?.state ?? []));
  };
  assert.deepEqual(await states(false), new Set(["sound", "damaged"]));
  assert.deepEqual(await states(true), new Set(["sound", "repaired"]));
  assert.deepEqual(await states(false), new Set(["sound"]));
  assert.deepEqual(await seen(other, name), mounted);
});
