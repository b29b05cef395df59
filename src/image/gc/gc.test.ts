import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Digest } from "../../base/ids.ts";
import { makeImage, randomLayer } from "../../registry/testing/made-image.ts";
import { chainIds } from "../../spec/digest.ts";
import { startImageServer } from "../testing/image-server.ts";
import { openTestNode } from "../testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (skip !== undefined) console.error(`!!! SKIPPED: ${skip}`);

const image = makeImage([randomLayer("base", 50_000, 1), randomLayer("top", 50_000, 2)]);
const [lower = "" as Digest, upper = "" as Digest] = image.layers.map(({ digest }) => digest);
const [lowest = "" as Digest] = chainIds(image.diffIds);
const everything = { dryRun: false, all: false, labels: [] };

test("what a pull left that was cut off is explained, counted, and pruned", { skip }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ keepUnfinished: 60_000 });
  server.add("app", "1", image);
  server.odd = ({ path }, response) => path.includes(upper) && response.writeHead(404).end() !== undefined;
  await assert.rejects(node.images.pull(`${server.host}/app:1`, undefined, signal));
  const { upkeep } = node.images;

  const [pull] = await upkeep.explain(image.id.slice(7, 20));
  assert.equal(pull?.kind, "unfinished pull");
  assert.match(pull?.holders[0]?.what ?? "", /^the unfinished pull of .*\/app:1, until \d{4}-/);
  const [layer] = await upkeep.explain(lowest);
  assert.deepEqual([layer?.kind, layer?.holders.map(({ kind }) => kind)], ["layer", ["lease"]]);

  const planned = await upkeep.prune({ ...everything, dryRun: true }, signal);
  assert.deepEqual([planned.images.length, planned.unfinished.length], [0, 1]);
  assert.ok(planned.bytes >= (layer?.bytes ?? 0) && (layer?.bytes ?? 0) > 50_000);
  const { places } = await upkeep.diskUsage();
  assert.ok((places.find(({ what }) => what.startsWith("layers"))?.bytes ?? 0) >= 50_000);

  assert.equal((await upkeep.prune(everything, signal)).bytes, planned.bytes);
  assert.deepEqual((await node.snapshotter.list()).committed, []);
  await assert.rejects(upkeep.explain(lowest), /nothing on this node has the name or id/);
});

test("what is left of a pull is not held for longer than it may be by a clock that was ahead", {
  skip,
}, async (t) => {
  await using server = await startImageServer();
  await using node = await openTestNode({ keepUnfinished: 60_000 });
  server.add("app", "1", image);
  server.odd = ({ path }, response) => path.includes(upper) && response.writeHead(404).end() !== undefined;
  await assert.rejects(node.images.pull(`${server.host}/app:1`, undefined, signal));
  assert.equal((await node.images.upkeep.explain(lowest))[0]?.holders.length, 1);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() - 86_400_000 });
  assert.equal((await node.images.upkeep.explain(lowest))[0]?.holders.length, 0);
});

test("while a pull is under way, what it brings is held by it and is not pruned", { skip }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ keepUnfinished: 60_000 });
  server.add("app", "1", image);
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  server.odd = ({ path }, response) => {
    if (!path.includes(upper)) return false;
    asked.resolve();
    void release.promise.then(() => response.end(server.blobs.get(upper)));
    return true;
  };
  const pulling = node.images.pull(`${server.host}/app:1`, undefined, signal);
  await asked.promise;
  while (!(await node.snapshotter.has(lowest))) await new Promise((resolve) => setImmediate(resolve));
  const { upkeep } = node.images;
  const [layer] = await upkeep.explain(lowest);
  assert.match(layer?.holders.map(({ what }) => what).join() ?? "", /a pull or import of .*\/app:1/);
  const pruned = await upkeep.prune({ ...everything, all: true }, signal);
  assert.deepEqual([pruned.images, pruned.unfinished, pruned.bytes], [[], [], 0]);
  await node.images.sweep(signal);
  release.resolve();
  assert.equal((await pulling).id, image.id);
  assert.equal(server.count(lower), 1);
});

test("filters: pulled before a time, with a label; what is pinned stays", { skip }, async () => {
  await using server = await startImageServer();
  await using node = await openTestNode({ pinned: ["*kept*"] });
  const labelled = makeImage([randomLayer("base", 5_000, 1)], { config: { Labels: { team: "shop" } } });
  const kept = makeImage([randomLayer("base", 5_000, 3)]);
  server.add("app", "1", image);
  server.add("labelled", "1", labelled);
  server.add("kept", "1", kept);
  for (const name of ["app", "kept"]) await node.images.pull(`${server.host}/${name}:1`, undefined, signal);
  const { pulledAt } = await node.images.pull(`${server.host}/labelled:1`, undefined, signal);
  const would = async (options: object) => {
    const { images } = await node.images.upkeep.prune(
      { ...everything, dryRun: true, all: true, ...options },
      signal,
    );
    return images.map(({ image: { id } }) => id);
  };
  assert.deepEqual((await would({})).sort(), [image.id, labelled.id].sort());
  assert.deepEqual(await would({ all: false }), [], "all have a tag");
  assert.deepEqual(await would({ until: pulledAt }), [image.id]);
  assert.deepEqual(await would({ labels: [{ key: "team" }] }), [labelled.id]);
  assert.deepEqual(await would({ labels: [{ key: "team", value: "ship" }] }), []);
  const [pinned] = await node.images.upkeep.explain(`${server.host}/kept:1`);
  assert.match(pinned?.fate ?? "", /^it is pinned by image\.pinned/);
});

test("what nothing holds is told as such, and goes with the next sweep", { skip }, async () => {
  await using node = await openTestNode();
  const stray = "f".repeat(64);
  writeFileSync(`${node.root}/content/blobs/sha256/${stray}`, "x");
  writeFileSync(`${node.root}/content/partial/${stray}`, "x");
  const found = await node.images.upkeep.explain(stray.slice(0, 12));
  assert.deepEqual(
    found.map(({ kind, holders, fate }) => [kind, holders.length, /the next sweep removes it/.test(fate)]),
    [
      ["blob", 0, true],
      ["partial", 0, true],
    ],
  );
  await node.images.sweep(signal);
  await assert.rejects(node.images.upkeep.explain(stray), /nothing on this node/);
  await assert.rejects(node.images.upkeep.explain("abc"), /too short/);
});
