import assert from "node:assert/strict";
import { test } from "node:test";
import { makeImage, randomLayer } from "../registry/testing/made-image.ts";
import type { LayerOffer, Snapshotter } from "../snapshot/contract.ts";
import { chainIds } from "../spec/digest.ts";
import { startImageServer } from "./testing/image-server.ts";
import { openTestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? false : "NOT RUN: overlay snapshots need root";

const image = makeImage(["one", "two", "three"].map((name, seed) => randomLayer(name, 10_000, seed)));
const chains = chainIds(image.diffIds);
const [lowest = "", middle = "", upper = ""] = image.layers.map(({ digest }) => digest);

/** Commits an empty layer, as a snapshotter does that will fetch its files when they are read. */
async function provide({ chain, parent }: LayerOffer, snapshotter: Snapshotter) {
  const { mkdirSync, writeFileSync } = await import("node:fs");
  const directory = await snapshotter.prepareLayer("provided");
  mkdirSync(`${directory}/d`);
  writeFileSync(`${directory}/notes.json`, '{"implicit":[],"whiteouts":[],"opaque":[],"links":[]}');
  return snapshotter.commitLayer("provided", chain, parent);
}

test("layers that the snapshotter provides are not fetched; it is told what they are of", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const offers: LayerOffer[] = [];
  await using node = await openTestNode({
    provides: async (offer, snapshotter) => {
      offers.push(offer);
      return offer.blob.digest === lowest ? provide(offer, snapshotter) : undefined;
    },
  });
  const reference = `${server.host}/app:1`;
  const record = await node.images.pull(reference, undefined, signal);
  assert.deepEqual(
    [lowest, middle, upper].map((digest) => server.count(digest)),
    [0, 1, 1],
  );
  const told = { reference, manifest: image.manifest.digest };
  assert.partialDeepStrictEqual(offers, [
    { ...told, chain: chains[0], parent: undefined, from: [lowest, middle, upper] },
    { ...told, chain: chains[1], parent: chains[0], from: [middle, upper] },
    { ...told, chain: chains[2], parent: chains[1], from: [upper] },
  ]);
  assert.deepEqual(
    record.layers.map((layer) => layer.chainId),
    chains,
  );
  for (const chain of chains) assert.ok(await node.snapshotter.has(chain));
});

test("what is provided above a layer that has to be fetched is not fetched to its end", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  server.odd = ({ path }, response) => {
    if (!path.endsWith(middle)) return false;
    response.writeHead(200, { "content-length": server.blobs.get(middle)?.length }).write("a beginning");
    return true;
  };
  await using node = await openTestNode({
    provides: async (offer, snapshotter) =>
      offer.blob.digest === middle ? provide(offer, snapshotter) : undefined,
  });
  const ends = new Map<string, string>();
  await node.images.pullTelling(
    `${server.host}/app:1`,
    undefined,
    (step) => {
      if (step.phase === "layer") ends.set(step.digest, step.state);
    },
    signal,
  );
  assert.deepEqual([...ends.values()], ["done", "provided", "done"]);
  assert.deepEqual(
    [lowest, upper].map((digest) => server.count(digest)),
    [1, 1],
  );
  for (const chain of chains) assert.ok(await node.snapshotter.has(chain));
  assert.deepEqual(await node.leftovers(), []);
});

test("a snapshotter that fails to provide a layer costs its fetching, not the pull", { skip }, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  await using node = await openTestNode({
    provides: async () => {
      throw new Error("its backend is away");
    },
  });
  await node.images.pull(`${server.host}/app:1`, undefined, signal);
  assert.equal(server.count(lowest), 1);
});
