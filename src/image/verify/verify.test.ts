import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { SnapshotKey } from "../../base/ids.ts";
import { makeImage, randomLayer } from "../../registry/testing/made-image.ts";
import { chainIds } from "../../spec/digest.ts";
import { type ImageServer, startImageServer } from "../testing/image-server.ts";
import { type NodeSettings, openTestNode, type TestNode } from "../testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? undefined : "needs root: mounts";
if (skip !== undefined) console.error(`!!! SKIPPED: ${skip}`);

const base = randomLayer("base", 50_000, 1);
const image = makeImage([base, randomLayer("top", 50_000, 2)]);
const other = makeImage([base, randomLayer("other", 50_000, 3)]);
const [lowest] = chainIds(image.diffIds);
const [lowestBlob = "", upperBlob = ""] = image.layers.map(({ digest }) => digest);
const blobAt = (node: TestNode, digest: string) =>
  join(node.root, "content/blobs/sha256", digest.slice("sha256:".length));

/** A node with both images, and what `images verify` finds there. */
async function nodeWithImages(server: ImageServer, settings: NodeSettings = {}) {
  server.add("app", "1", image);
  server.add("other", "1", other);
  const node = await openTestNode(settings);
  for (const name of ["app", "other"]) await node.images.pull(`${server.host}/${name}:1`, undefined, signal);
  return node;
}

async function found(node: TestNode, repair = false): Promise<string[]> {
  const said: string[] = [];
  for await (const { part } of node.images.upkeep.verify([], { repair }, signal)) {
    if (part === undefined || part.state === "sound") continue;
    const files = part.damaged.map(({ path, what }) => `${path} ${what}`);
    said.push([`${part.what} ${part.state}`, ...files, part.reason ?? ""].join("; "));
  }
  return said;
}

/** The file that `randomLayer` makes, where the layer has it on disk. */
async function fileOf(node: TestNode, name: string): Promise<string> {
  assert.ok(lowest);
  return join(await node.snapshotter.layerDirectory(lowest), name);
}

for (const snapshotter of ["overlay", "native"])
  test(`a damaged file is found, and its layer repaired for every image that has it: ${snapshotter}`, {
    skip,
  }, async () => {
    await using server = await startImageServer();
    await using node = await nodeWithImages(server, { snapshotters: [snapshotter] });
    assert.deepEqual(await found(node), []);
    const file = await fileOf(node, "base");
    const before = readFileSync(file);
    writeFileSync(file, Buffer.alloc(before.length));
    assert.deepEqual(await found(node), ["layer damaged; /base has another content; "]);
    const [fetches, above] = [server.count(lowestBlob), server.count(upperBlob)];
    assert.deepEqual(await found(node, true), ["layer repaired; /base has another content; "]);
    assert.deepEqual(await found(node), []);
    assert.deepEqual(readFileSync(await fileOf(node, "base")), before);
    assert.equal(server.count(lowestBlob), fetches + 1, "it is fetched once");
    if (snapshotter === "overlay") assert.equal(server.count(upperBlob), above, "it alone");
    assert.deepEqual(await node.leftovers(), []);
    assert.ok(!existsSync(blobAt(node, lowestBlob)), "its blob is dropped again");
    // What is on top of the layer is there, still.
    for (const { id } of [image, other]) {
      const top = chainIds((id === image.id ? image : other).diffIds).at(-1);
      assert.ok(top !== undefined && (await node.snapshotter.has(top)));
    }
  });

test("what was made anew counts as lost at the next boot until it is synced", { skip }, async () => {
  await using server = await startImageServer();
  const settings = { snapshotters: ["native"] } as const;
  const first = await nodeWithImages(server, { ...settings, syncDelay: 1 });
  const durable = (node: TestNode) => [...node.images.list()].map(({ unpacked }) => unpacked.native?.durable);
  while (durable(first).some((state) => state !== "synced")) await sleep(5);
  await using node = await first.crash("boot-2", settings);
  assert.deepEqual(durable(node), ["synced", "synced"]);
  rmSync(await fileOf(node, "base"));
  assert.match((await found(node, true)).join(), /^layer repaired/);
  assert.deepEqual(durable(node), ["boot-2", "boot-2"]);
});

test("a layer that a container is on is left as it is", { skip }, async () => {
  await using server = await startImageServer();
  await using node = await nodeWithImages(server);
  const top = chainIds(other.diffIds).at(-1);
  assert.ok(top);
  const key = "c".repeat(64) as SnapshotKey;
  await node.snapshotter.prepareContainer(key, top);
  node.containers.set(key, top);
  const file = await fileOf(node, "base");
  chmodSync(file, 0o600);
  const [said = ""] = await found(node, true);
  assert.match(said, /^layer damaged; .*has the mode 600, not 644; it can't be repaired: it is in use by /);
  node.containers.clear();
  const [refused = ""] = await found(node, true);
  assert.match(refused, /container c{64} is on top of it/, "by the snapshotter itself, too");
  await node.snapshotter.remove(key);
  assert.match((await found(node, true)).join(), /^layer repaired/);
});

test("blobs are compared with their digests and brought anew", { skip }, async () => {
  await using server = await startImageServer();
  await using node = await nodeWithImages(server, { keepLayerBlobs: true });
  writeFileSync(blobAt(node, image.id), "{}");
  rmSync(blobAt(node, image.manifest.digest));
  writeFileSync(blobAt(node, lowestBlob), "x");
  const damaged = await found(node);
  assert.deepEqual(
    damaged.map((text) => text.split(";")[0]),
    ["manifest damaged", "config damaged", "blob damaged"],
  );
  assert.match(damaged.join(), /is not on this node.*has another content/);
  assert.deepEqual(
    (await found(node, true)).map((text) => text.split(";")[0]),
    ["manifest repaired", "config repaired", "blob repaired"],
  );
  assert.deepEqual(await found(node), []);
});

test("what can't be had again says why, and nothing is lost", { skip }, async () => {
  await using server = await startImageServer();
  await using node = await nodeWithImages(server);
  rmSync(await fileOf(node, "base"));
  server.odd = (_request, response) => response.writeHead(404).end() !== undefined;
  const [said = ""] = await found(node, true);
  assert.match(said, /^layer damaged; \/base is missing; it can't be repaired: fetching layer sha256:.*404/s);
  assert.equal([...node.images.list()].length, 2);
  const list = join(node.root, "content/files", image.diffIds[0]?.slice("sha256:".length) ?? "");
  rmSync(list);
  assert.match((await found(node)).join(), /^layer unchecked; there is no list of its files/);
});

test("an image whose layer is gone is dropped at a start, and its next pull brings that layer alone", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const name = `${server.host}/app:1`;
  const first = await openTestNode({ keepUnfinished: 60_000, syncDelay: 1 });
  await first.images.pull(name, undefined, signal);
  while (first.images.find(name)?.unpacked.overlay?.durable !== "synced") await sleep(5);
  const top = chainIds(image.diffIds).at(-1);
  assert.ok(top);
  await first.snapshotter.remove(top);
  await using node = await first.crash("boot-2");
  assert.deepEqual([...node.images.list()], []);
  await node.images.pull(name, undefined, signal);
  assert.deepEqual([server.count(lowestBlob), server.count(upperBlob)], [1, 2]);
});
