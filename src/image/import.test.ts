import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type TarEntry, tarOf } from "../../test/images/tar.ts";
import type { FaultKind } from "../base/fault.ts";
import { freeBytes } from "../base/memory.ts";
import { fails } from "../registry/testing/client.ts";
import { type MadeImage, makeImage, randomLayer } from "../registry/testing/made-image.ts";
import { hexOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import { startImageServer } from "./testing/image-server.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (skip !== undefined) console.error(`!!! SKIPPED: ${skip}`);
const noSkopeo = skip ?? (existsSync("/usr/bin/skopeo") ? undefined : "skopeo is not installed");
const directory = mkdtempSync(join(tmpdir(), "berth-archives-"));
after(() => rmSync(directory, { recursive: true }));

const image = makeImage([randomLayer("base", 5_000, 1), randomLayer("top", 5_000, 2)], {
  config: { Cmd: ["sh"] },
});
const name = "docker.io/library/made:1";

function skopeo(...args: string[]): string {
  return execFileSync("skopeo", ["--insecure-policy", "--tmpdir", directory, ...args], { encoding: "utf8" });
}

function file(path: string, data: string | Uint8Array): TarEntry {
  return { path, kind: "file", mode: 0o644, data: Buffer.from(data) };
}

function layoutOf(made: MadeImage, annotations: object = { "io.containerd.image.name": name }): TarEntry[] {
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ ...made.manifest, annotations }],
  };
  return [
    file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
    file("index.json", JSON.stringify(index)),
    file(`blobs/sha256/${hexOf(made.manifest.digest)}`, made.manifestBytes),
    ...[...made.blobs].map(([digest, bytes]) => file(`blobs/sha256/${hexOf(digest)}`, bytes)),
  ];
}

function archive(entries: readonly TarEntry[], as = "archive.tar"): string {
  const path = join(directory, as);
  writeFileSync(path, as.endsWith(".gz") ? gzipSync(tarOf(entries)) : tarOf(entries));
  return path;
}

/** Writes what is exported into a new file of the tests' directory. @returns its path */
async function save(node: TestNode, references: readonly string[], as: string): Promise<string> {
  const path = join(directory, as);
  const pieces = await Array.fromAsync(node.images.export(references, signal));
  const whole = Buffer.concat(pieces);
  assert.ok(whole.subarray(-1024).every((byte) => byte === 0));
  pieces.forEach(freeBytes); // as whoever sends them does
  writeFileSync(path, whole);
  return path;
}

async function nothingLeft(node: TestNode): Promise<void> {
  assert.deepEqual(await node.leftovers(), []);
  assert.deepEqual((await node.snapshotter.list()).committed, []);
  assert.deepEqual([...node.images.list()], []);
  assert.deepEqual(await readdir(join(node.root, "content", "blobs", "sha256")), []);
}

test("an OCI layout: as a tar, packed, and as a directory", { skip }, async () => {
  await using node = await openTestNode();
  const unpacked = join(directory, "layout");
  mkdirSync(unpacked);
  execFileSync("tar", ["-xf", archive(layoutOf(image)), "-C", unpacked]);
  for (const path of [archive(layoutOf(image)), archive(layoutOf(image), "archive.tar.gz"), unpacked]) {
    const [record, ...more] = await node.images.import(path, signal);
    assert.ok(record !== undefined && more.length === 0);
    assert.deepEqual(
      [record.id, record.tags, record.unpacked.overlay?.durable],
      [image.id, [name], "synced"],
    );
    assert.deepEqual(record.digests, [`docker.io/library/made@${image.manifest.digest}`]);
    for (const layer of image.layers)
      assert.ok(existsSync(join(node.root, "content/blobs/sha256", hexOf(layer.digest))));
    assert.deepEqual(await node.leftovers(), []);
    await node.images.remove("made:1", signal);
    await nothingLeft(node);
  }
});

test("what is exported is what skopeo and an import read", { skip: noSkopeo }, async () => {
  await using node = await openTestNode();
  await node.images.import(archive(layoutOf(image)), signal);
  const out = await save(node, ["made:1"], "exported.tar");
  await fails(save(node, ["absent"], "none.tar"), "notFound", /absent/);
  assert.equal(JSON.parse(skopeo("inspect", `oci-archive:${out}:1`)).Digest, image.manifest.digest);
  assert.equal(JSON.parse(skopeo("inspect", "--config", `docker-archive:${out}`)).config.Cmd[0], "sh");

  const docker = join(directory, "docker.tar");
  skopeo("copy", `oci-archive:${out}:1`, `docker-archive:${docker}:example.com/made:2`);
  await using other = await openTestNode();
  const [record] = await other.images.import(docker, signal);
  assert.deepEqual([record?.tags, record?.digests], [["example.com/made:2"], []]);
  assert.deepEqual(record?.config.rootfs.diff_ids, image.diffIds);
  const [again] = await other.images.import(out, signal);
  assert.deepEqual(again?.tags.includes(name), true);
});

test("a docker archive as old versions wrote it, a layer by a link", { skip }, async () => {
  await using node = await openTestNode();
  const tars = [tarOf(randomLayer("base", 5_000, 1)), tarOf(randomLayer("top", 5_000, 2))];
  const config = image.blobs.get(image.id) ?? Buffer.alloc(0);
  const manifest = [{ Config: "c.json", RepoTags: ["old:1"], Layers: ["a/layer.tar", "b/layer.tar"] }];
  const path = archive([
    file("c.json", config),
    file("a/layer.tar", tars[0] ?? ""),
    file("z/layer.tar", gzipSync(tars[1] ?? "")),
    { path: "b/layer.tar", kind: "symlink", mode: 0o777, target: "../z/layer.tar" },
    file("manifest.json", JSON.stringify(manifest)),
  ]);
  const [record] = await node.images.import(path, signal);
  assert.deepEqual([record?.id, record?.tags], [image.id, ["docker.io/library/old:1"]]);
});

test("hostile archives: a clear error, and nothing is left", { skip }, async () => {
  await using node = await openTestNode({ maxLayer: 100_000, maxManifest: 10_000 });
  const good = layoutOf(image);
  const swap = (part: string, entry: TarEntry | undefined) =>
    good.flatMap((one) => (one.path.includes(part) ? (entry ?? []) : [one]));
  const layerPath = `blobs/sha256/${hexOf(image.layers[1]?.digest ?? image.id)}`;
  const failing: [TarEntry[] | Buffer, FaultKind, RegExp][] = [
    [[file("readme", "x")], "corrupt", /neither an OCI layout/],
    [Buffer.from("no tar at all".repeat(100)), "corrupt", /not a tar file/],
    [tarOf(good).subarray(0, 9_000), "corrupt", /cut short/],
    [swap("index.json", file("index.json", "{")), "corrupt", /not JSON/],
    [swap("index.json", file("index.json", " ".repeat(20_000))), "exhausted", /index\.json/],
    [swap(layerPath, undefined), "corrupt", /lacks blobs/],
    [swap(layerPath, file(layerPath, "other")), "corrupt", /sha256/],
    [
      swap(layerPath, { path: layerPath, kind: "symlink", mode: 0o777, target: "/etc/passwd" }),
      "corrupt",
      /lacks blobs/,
    ],
    [
      swap(layerPath, { path: layerPath, kind: "symlink", mode: 0o777, target: layerPath }),
      "corrupt",
      /lacks blobs/,
    ],
    [swap(hexOf(image.id), file(`blobs/sha256/${hexOf(image.id)}`, "{}")), "corrupt", /another content/],
    [layoutOf(image, { "io.containerd.image.name": "NOT/a name" }), "invalid", /not an image reference/],
    [
      layoutOf(makeImage([[{ path: "../x", kind: "file", mode: 0o644, data: Buffer.from("x") }]])),
      "invalid",
      /\.\.\/x/,
    ],
    [[file("manifest.json", '[{"Config":"../../etc/passwd","Layers":[]}]')], "corrupt", /lacks/],
    [[file("manifest.json", "[{}]")], "corrupt", /malformed/],
  ];
  for (const [entries, kind, text] of failing) {
    const path = join(directory, "hostile.tar");
    writeFileSync(path, Buffer.isBuffer(entries) ? entries : tarOf(entries));
    await fails(node.images.import(path, signal), kind, text);
    await nothingLeft(node);
  }
  writeFileSync(join(directory, "bomb.tar.gz"), gzipSync(Buffer.alloc(10_000_000)));
  await fails(node.images.import(join(directory, "bomb.tar.gz"), signal), "exhausted", /unpacks to more/);
  await fails(node.images.import(join(directory, "absent"), signal), "notFound", /absent/);
  const linked = join(directory, "linked");
  mkdirSync(linked);
  symlinkSync("/etc/passwd", join(linked, "index.json"));
  await fails(node.images.import(linked, signal), "corrupt", /neither an OCI layout/);
  await nothingLeft(node);
});

test("an image whose blobs were dropped is exported by fetching them again, or says why not", {
  skip,
}, async () => {
  const server = await startImageServer();
  await using node = await openTestNode();
  server.add("app", "1", image);
  await node.images.pull(`${server.host}/app:1`, undefined, signal);
  const out = await save(node, [image.id], "fetched.tar");
  await using other = await openTestNode();
  assert.equal((await other.images.import(out, signal))[0]?.id, image.id);
  await server[Symbol.asyncDispose]();
  await fails(
    save(node, [image.id], "lost.tar"),
    "unavailable",
    /dropped once it was unpacked.*image\.keepLayerBlobs/,
  );
});

test("with blobs kept, the store is a layout that skopeo reads", { skip: noSkopeo }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ keepLayerBlobs: true });
  server.add("app", "1", image);
  const reference = `${server.host}/app:1`;
  await node.images.pull(reference, undefined, signal);
  const index = JSON.parse(readFileSync(join(node.root, "content/index.json"), "utf8"));
  assert.equal(index.manifests[0].digest, image.manifest.digest);
  const copied = join(directory, "copied");
  skopeo("copy", `oci:${join(node.root, "content")}`, `dir:${copied}`);
  for (const { digest } of image.layers) assert.ok(existsSync(join(copied, hexOf(digest))));
});
