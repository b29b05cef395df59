import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fails } from "../registry/testing/client.ts";
import { missingRegistry, startRegistry } from "../registry/testing/docker-registry.ts";
import { makeImage, pushImage, pushManifest, randomLayer } from "../registry/testing/made-image.ts";
import { chainIds, digestOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import type { PullProgress } from "./contract.ts";
import { startImageServer } from "./testing/image-server.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (root !== undefined) console.error(`!!! SKIPPED: ${root}`);
const skip = root ?? missingRegistry();

const base = randomLayer("base", 50_000, 1);
const top = randomLayer("top", 50_000, 2);
const image = makeImage([base, top], { config: { Env: ["A=b"], User: "1000:1000" } });
const sibling = makeImage([base, randomLayer("other", 1000, 3)]);

async function nothingLeft(node: TestNode): Promise<void> {
  assert.deepEqual(await node.leftovers(), []);
  assert.deepEqual(await node.snapshotter.list(), { committed: [], containers: [], ingests: [] });
  assert.deepEqual([...node.images.list()], []);
  const { readdir } = await import("node:fs/promises");
  assert.deepEqual(await readdir(join(node.root, "content", "blobs", "sha256")), []);
}

test("an index leads to this host's image; by digest it has no tag", { skip }, async () => {
  await using registry = await startRegistry();
  await using node = await openTestNode();
  await pushImage(registry, "app", image, ["plain"]);
  const foreign = makeImage([base], { platform: { architecture: "s390x", os: "linux" } });
  await pushImage(registry, "app", foreign, ["foreign"]);
  const entries = [
    { ...foreign.manifest, platform: { architecture: "s390x", os: "linux" } },
    { ...foreign.manifest, platform: { architecture: "unknown", os: "unknown" } },
    {
      ...image.manifest,
      platform: { architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux" },
    },
  ];
  const index = (manifests: object[]) =>
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerIndex, manifests }));
  const { digest } = await pushManifest(registry, "app", "multi", mediaTypes.dockerIndex, index(entries));
  await pushManifest(registry, "app", "far", mediaTypes.dockerIndex, index(entries.slice(0, 1)));

  const name = `${registry.host}/app`;
  const byDigest = await node.images.pull(`${name}@${digest}`, undefined, signal);
  assert.deepEqual([byDigest.id, byDigest.tags, byDigest.digests], [image.id, [], [`${name}@${digest}`]]);
  const byTag = await node.images.pull(`${name}:multi`, undefined, signal);
  assert.deepEqual(
    [byTag.id, byTag.tags, byTag.digests],
    [image.id, [`${name}:multi`], [`${name}@${digest}`]],
  );
  assert.equal(byTag.config.config.User, "1000:1000");
  assert.deepEqual(
    byTag.layers.map((layer) => layer.chainId),
    chainIds(image.diffIds),
  );
  assert.ok(byTag.size > 100_000);
  for (const reference of [
    `${name}:multi`,
    `${name}@${digest}`,
    image.id,
    image.id.slice(7),
    image.id.slice(7, 19),
  ]) {
    assert.equal(node.images.find(reference)?.id, image.id, reference);
  }
  await fails(node.images.pull(`${name}:far`, undefined, signal), "notFound", /only for linux\/s390x/);
  await fails(
    node.images.pull(`${name}:none`, undefined, signal),
    "notFound",
    /MANIFEST_UNKNOWN|manifest unknown/i,
  );
  await node.images.remove(`${name}:multi`, signal);
  await nothingLeft(node);
});

test("progress names every layer before its bytes come, and those that are here", {
  skip: root,
}, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode();
  server.add("app", "1", image);
  server.add("app", "2", sibling);
  const told = async (tag: string) => {
    const steps: PullProgress[] = [];
    await node.images.pullTelling(`${server.host}/app:${tag}`, undefined, (step) => steps.push(step), signal);
    return steps.flatMap((step) => {
      if (step.phase === "resolving") return [];
      return step.phase === "layer" ? `${step.digest} ${step.state}` : step.phase;
    });
  };
  const [lower = "", upper = ""] = image.layers.map(({ digest }) => digest);
  const first = await told("1");
  assert.deepEqual(first.slice(0, 2), [`${lower} waiting`, `${upper} waiting`]);
  const order = ["unpacking", "unpacked", "done"].map((state) => first.indexOf(`${upper} ${state}`));
  assert.deepEqual(
    order.toSorted((one, other) => one - other),
    order,
  );
  assert.ok(first.includes(`${upper} done`));
  assert.equal(first.at(-1), "committing");
  const second = await told("2");
  assert.equal(second[0], `${lower} present`);
  assert.ok(!second.includes(`${lower} fetching`));
});

test("tags add up on one image, and move to another", { skip: root }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode();
  const pull = (tag: string) => node.images.pull(`${server.host}/app:${tag}`, undefined, signal);
  server.add("app", "1", image);
  server.add("app", "2", image);
  server.add("app", "latest", sibling);
  await pull("1");
  await pull("2");
  const asked = server.seen.length;
  assert.deepEqual((await pull("1")).tags, [`${server.host}/app:1`, `${server.host}/app:2`]);
  assert.equal(server.seen.length, asked + 1, "what is here costs one request");
  await pull("latest");
  server.add("app", "1", sibling);
  await pull("1");
  assert.deepEqual(node.images.find(image.id)?.tags, [`${server.host}/app:2`]);
  assert.deepEqual(node.images.find(sibling.id)?.tags, [`${server.host}/app:1`, `${server.host}/app:latest`]);
  await node.images.remove(`${server.host}/app:1`, signal);
  assert.equal(node.images.find(sibling.id), undefined);
  assert.deepEqual((await node.snapshotter.list()).committed.sort(), chainIds(image.diffIds).sort());
});

test("pulls at the same time share what they have in common", { skip: root }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode();
  server.add("app", "1", image);
  server.add("sibling", "1", sibling);
  const [one, other] = [`${server.host}/app:1`, `${server.host}/sibling:1`];
  const pulls = [one, one, other, one].map((name) => node.images.pull(name, undefined, signal));
  const records = await Promise.all(pulls);
  assert.equal(new Set(records.map((record) => record.id)).size, 2);
  for (const { digest } of [...image.layers, ...sibling.layers]) assert.equal(server.count(digest), 1);
  assert.equal(server.count("app/manifests"), 1);
  assert.deepEqual(await node.leftovers(), []);
});

test("whoever leaves ends its own wait, and the last one the pull", { skip: root }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode();
  server.add("app", "1", image);
  const held: (() => void)[] = [];
  server.odd = (request, response) => {
    if (!request.path.includes(image.layers[1]?.digest ?? "")) return false;
    response.writeHead(200, { "content-length": image.layers[1]?.size });
    response.write(Buffer.from("x"));
    held.push(() => response.destroy());
    return true;
  };
  const name = `${server.host}/app:1`;
  const [first, second] = [new AbortController(), new AbortController()];
  const pulls = [first, second].map((stop) => node.images.pull(name, undefined, stop.signal));
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  first.abort();
  await fails(pulls[0] ?? Promise.resolve(), "cancelled", /pulling/);
  assert.equal(node.images.find(name), undefined);
  second.abort();
  await fails(pulls[1] ?? Promise.resolve(), "cancelled", /pulling/);
  await nothingLeft(node);
  for (const release of held) release();
  server.odd = () => false;
  assert.equal((await node.images.pull(name, undefined, signal)).id, image.id);
});

test("what is not what it should be leaves nothing behind", { skip: root }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ maxLayer: 300_000, maxManifest: 20_000 });
  const pull = (name: string) => node.images.pull(`${server.host}/${name}:1`, undefined, signal);
  const [, layer] = image.layers;
  assert.ok(layer);
  const bytes = image.blobs.get(layer.digest) ?? Buffer.alloc(0);

  server.add("app", "1", image);
  server.blobs.set(layer.digest, Buffer.from(bytes).fill(0, 100, 200));
  await fails(pull("app"), "corrupt", new RegExp(`layer ${layer.digest}`));
  server.blobs.set(layer.digest, bytes.subarray(0, bytes.length - 100));
  await fails(pull("app"), "corrupt", /announced/);
  await nothingLeft(node);

  server.add("lie", "1", makeImage([base, top], { diffIds: [digestOf("a"), digestOf("b")] }));
  await fails(pull("lie"), "corrupt", /the image's config says/);
  server.add("few", "1", makeImage([base, top], { diffIds: [digestOf("a")] }));
  await fails(pull("few"), "corrupt", /2 layers, the config 1/);
  server.add("huge", "1", makeImage([randomLayer("x", 400_000, 5)]));
  await fails(pull("huge"), "exhausted", /image\.maxLayer/);
  server.add(
    "bomb",
    "1",
    makeImage([[{ path: "zeros", kind: "file", mode: 0o644, data: Buffer.alloc(3_000_000) }]]),
  );
  await fails(pull("bomb"), "exhausted", /layer sha256/);
  server.add(
    "out",
    "1",
    makeImage([[{ path: "../out", kind: "file", mode: 0o644, data: Buffer.from("x") }]]),
  );
  await fails(pull("out"), "invalid", /\.\.\/out/);
  server.add("windows", "1", makeImage([base], { platform: { architecture: "amd64", os: "windows" } }));
  await fails(pull("windows"), "unimplemented", /windows/);
  server.add(
    "many",
    "1",
    makeImage(Array.from({ length: 21 }, (_, index) => randomLayer(`${index}`, 10, index))),
  );
  await fails(pull("many"), "exhausted", /21 layers/);
  const huge = Buffer.from(JSON.stringify({ schemaVersion: 2, x: "y".repeat(30_000) }));
  server.addManifest("wide:1", image.manifest.mediaType, huge);
  await fails(pull("wide"), "exhausted", /20000/);
  const v1 = Buffer.from(JSON.stringify({ schemaVersion: 1, name: "old", fsLayers: [] }));
  server.addManifest("old:1", "application/vnd.docker.distribution.manifest.v1+json", v1);
  await fails(pull("old"), "unimplemented", /schema 1/);
  assert.ok(!existsSync(join(node.root, "out")));
  await nothingLeft(node);
});

test("a mirror that gives other bytes under a digest is passed over for the next host", {
  skip: root,
}, async () => {
  await using mirror = await startImageServer();
  await using server = await startImageServer();
  await using node = await openTestNode();
  const directory = join(node.root, "certs.d", server.host);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "hosts.toml"), `server = "${server.url}"\n[host."${mirror.url}"]\n`);
  const [, layer] = image.layers;
  assert.ok(layer);
  const bytes = image.blobs.get(layer.digest) ?? Buffer.alloc(0);
  for (const host of [mirror, server]) host.add("app", "1", image);
  // The one can't be inflated; the other, with a byte of the time in gzip's header changed, unpacks to the same.
  for (const wrong of [Buffer.from(bytes).fill(0, 100, 200), Buffer.from(bytes).fill(1, 4, 5)]) {
    mirror.blobs.set(layer.digest, wrong);
    const record = await node.images.pull(`${server.host}/app:1`, undefined, signal);
    assert.equal(record.id, image.id);
    assert.equal(server.count(`blobs/${layer.digest}`), 1);
    assert.equal(server.count("blobs/"), 1, "the mirror is asked for all that it gives rightly");
    await node.images.remove(record.id, signal);
    server.seen.length = 0;
  }
  server.blobs.set(layer.digest, Buffer.from(bytes).fill(0, 100, 200));
  await fails(node.images.pull(`${server.host}/app:1`, undefined, signal), "corrupt", /layer sha256/);
  await nothingLeft(node);
});

test("a pull that gets on too slowly ends; a slow one does not", { skip: root }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ pullProgressTimeout: 600, minimumPullRate: 10_000, tries: 100 });
  server.add("app", "1", image);
  const [, layer] = image.layers;
  const bytes = image.blobs.get(layer?.digest ?? image.id) ?? Buffer.alloc(0);
  let way: "stall" | "slow" = "stall";
  server.odd = (request, response) => {
    if (!request.path.includes(layer?.digest ?? "")) return false;
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0)
      response.writeHead(206, { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
    if (way === "stall") response.write(from === 0 ? bytes.subarray(0, 1000) : "");
    else drip(from);
    return true;
    function drip(at: number): void {
      if (at >= bytes.length) return void response.end();
      response.write(bytes.subarray(at, at + 6000));
      setTimeout(drip, 100, at + 6000);
    }
  };
  const name = `${server.host}/app:1`;
  await fails(
    node.images.pull(name, undefined, signal),
    "deadline",
    /too slow: 1000 bytes in 0\.6 s, less than 10000 a second: layer sha256.*stands at/,
  );
  await nothingLeft(node);
  way = "slow";
  const began = performance.now();
  assert.equal((await node.images.pull(name, undefined, signal)).id, image.id);
  assert.ok(performance.now() - began > 700);
});
