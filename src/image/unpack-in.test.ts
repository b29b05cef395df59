import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFault, isFault } from "../base/fault.ts";
import { makeImage, randomLayer } from "../registry/testing/made-image.ts";
import { chainIds } from "../spec/digest.ts";
import { startImageServer } from "./testing/image-server.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? false : "NOT RUN: overlay snapshots need root";

const image = makeImage(["one", "two"].map((name, seed) => randomLayer(name, 10_000, seed)));
const chains = chainIds(image.diffIds).sort();
const [lowest = ""] = image.layers.map(({ digest }) => digest);
const both = { snapshotters: ["overlay", "native"] } as const;

const committed = async (node: TestNode, name: string) =>
  (await node.snapshotters.get(name).list()).committed.sort();

test("an image is pulled into the snapshotter that it is wanted in, and goes from all", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  await using node = await openTestNode(both);
  const reference = `${server.host}/app:1`;
  const first = await node.images.pull(reference, { snapshotter: "native" }, signal);
  assert.deepEqual(Object.keys(first.unpacked), ["native"]);
  assert.deepEqual(await committed(node, "overlay"), []);
  await node.images.pull(reference, undefined, signal);
  const record = node.images.find(reference);
  assert.deepEqual(Object.keys(record?.unpacked ?? {}).sort(), ["native", "overlay"]);
  assert.equal(server.count(lowest), 2, "its blob was dropped once it was unpacked");
  for (const name of both.snapshotters) {
    assert.deepEqual(await committed(node, name), chains);
    assert.ok(node.images.usage(name).bytes > 20_000);
  }
  await node.images.remove(reference, signal);
  for (const name of both.snapshotters) assert.deepEqual(await committed(node, name), []);
});

test("an image that is here is brought into another snapshotter, once", { skip }, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  await using node = await openTestNode(both);
  const { id, tags } = await node.images.pull(`${server.host}/app:1`, undefined, signal);
  await Promise.all([1, 2].map(() => node.images.unpackIn(id, "native", signal)));
  await node.images.unpackIn(id, "native", signal);
  assert.equal(server.count(lowest), 2);
  assert.deepEqual(await committed(node, "native"), chains);
  assert.deepEqual(node.images.find(id)?.tags, tags);
});

test("it is brought from its blobs where they were kept", { skip }, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  await using node = await openTestNode({ ...both, keepLayerBlobs: true });
  const { id } = await node.images.pull(`${server.host}/app:1`, undefined, signal);
  await node.images.unpackIn(id, "native", signal);
  assert.equal(server.count(lowest), 1);
});

test("what can't be had says so, and leaves the image as it was", { skip }, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  await using node = await openTestNode(both);
  const { id } = await node.images.pull(`${server.host}/app:1`, undefined, signal);
  for (const { digest } of image.layers) server.blobs.delete(digest);
  await assert.rejects(node.images.unpackIn(id, "native", signal), (error) => {
    assert.match(
      describeFault(error),
      /^bringing image ".*app:1" into the snapshotter native: .*404.*credentials/,
    );
    return true;
  });
  assert.deepEqual(await committed(node, "native"), []);
  assert.deepEqual(Object.keys(node.images.find(id)?.unpacked ?? {}), ["overlay"]);
  await assert.rejects(node.images.unpackIn(id, "zfs", signal), (error) => isFault(error, "notFound"));
});

test("what another boot left unsynced is dropped where it is, and stays where it was synced", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const first = await openTestNode({ ...both, syncDelay: 1 });
  const { id } = await first.images.pull(`${server.host}/app:1`, undefined, signal);
  while (first.images.find(id)?.unpacked.overlay?.durable !== "synced")
    await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await first.crash("boot-1", both);
  await second.images.unpackIn(id, "native", signal);
  assert.equal(second.images.find(id)?.unpacked.native?.durable, "boot-1");
  await using third = await second.crash("boot-2");
  assert.deepEqual(Object.keys(third.images.find(id)?.unpacked ?? {}), ["overlay"]);
  assert.deepEqual(await committed(third, "native"), []);
  assert.deepEqual(await committed(third, "overlay"), chains);
});

test("a snapshotter that the settings no longer name is emptied, and its images can be pulled again", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const first = await openTestNode({ snapshotters: ["native"] });
  const { id } = await first.images.pull(`${server.host}/app:1`, undefined, signal);
  await using second = await first.crash("boot-1", { snapshotters: ["overlay"] });
  assert.equal(second.images.find(id), undefined);
  assert.deepEqual(await committed(second, "native"), []);
  assert.deepEqual(
    Object.keys((await second.images.pull(`${server.host}/app:1`, undefined, signal)).unpacked),
    ["overlay"],
  );
});
