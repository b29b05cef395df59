import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { SnapshotKey } from "../base/ids.ts";
import { makeImage, randomLayer } from "../registry/testing/made-image.ts";
import { chainIds } from "../spec/digest.ts";
import { startImageServer } from "./testing/image-server.ts";
import { openTestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (skip !== undefined) console.error(`!!! SKIPPED: ${skip}`);

const base = randomLayer("base", 5_000, 1);
const safe = makeImage([base, randomLayer("safe", 5_000, 2)]);
const fresh = makeImage([base, randomLayer("fresh", 5_000, 3)]);
const key = (name: string) => name.padEnd(64, "0") as SnapshotKey;

test("after a power cut, what was not synced is gone and nothing else", { skip }, async () => {
  await using server = await startImageServer();
  server.add("safe", "1", safe);
  server.add("fresh", "1", fresh);
  const first = await openTestNode({ syncDelay: 1 });
  await first.images.pull(`${server.host}/safe:1`, undefined, signal);
  while (first.images.find(safe.id)?.unpacked.overlay?.durable !== "synced") await sleep(5);
  const second = await first.crash("boot-1", {});
  await second.images.pull(`${server.host}/fresh:1`, undefined, signal);
  assert.equal(second.images.find(fresh.id)?.unpacked.overlay?.durable, "boot-1");
  const top = chainIds(fresh.diffIds).at(-1);
  assert.ok(top);
  await second.snapshotter.prepareContainer(key("c1"), top);
  second.containers.set(key("c1"), top);
  await using after = await second.crash("boot-2");
  assert.equal(after.images.find(fresh.id), undefined);
  assert.equal(after.images.find(safe.id)?.id, safe.id);
  const { committed, containers } = await after.snapshotter.list();
  assert.deepEqual([committed.sort(), containers], [chainIds(safe.diffIds).sort(), []]);
  await after.images.pull(`${server.host}/fresh:1`, undefined, signal);
  assert.equal(
    server.count(fresh.layers[0]?.digest ?? ""),
    1,
    "the shared layer was synced: not fetched again",
  );
  assert.equal(server.count(fresh.layers[1]?.digest ?? ""), 2);
});

test("a start in the same boot keeps everything, and drops what was half done", { skip }, async () => {
  await using server = await startImageServer();
  server.add("fresh", "1", fresh);
  const node = await openTestNode();
  await node.images.pull(`${server.host}/fresh:1`, undefined, signal);
  await node.snapshotter.prepareLayer("stray");
  writeFileSync(join(node.root, "content", "ingest", "half"), "x");
  writeFileSync(join(node.root, "content", "blobs", "sha256", "f".repeat(64)), "x");
  await using again = await node.crash("boot-1");
  assert.deepEqual(await again.leftovers(), []);
  assert.ok(!existsSync(join(again.root, "content", "blobs", "sha256", "f".repeat(64))));
  assert.equal(again.images.find(fresh.id)?.unpacked.overlay?.durable, "boot-1");
});

test("a removed image's layers stay as long as a container is on them", { skip }, async () => {
  await using server = await startImageServer();
  server.add("safe", "1", safe);
  await using node = await openTestNode();
  const name = `${server.host}/safe:1`;
  const { layers } = await node.images.pull(name, undefined, signal);
  const chains = layers.map((layer) => layer.chainId);
  const top = chains.at(-1);
  assert.ok(top);
  await node.snapshotter.prepareContainer(key("c2"), top);
  node.containers.set(key("c2"), top);
  await node.images.remove(name, signal);
  assert.equal(node.images.find(name), undefined);
  assert.deepEqual((await node.snapshotter.list()).committed.sort(), chains.toSorted());
  await node.images.sweep(signal);
  assert.deepEqual((await node.snapshotter.list()).committed.sort(), chains.toSorted());

  const before = server.seen.length;
  assert.equal((await node.images.pull(name, undefined, signal)).size > 0, true);
  assert.ok(
    !server.seen.slice(before).some((request) => request.path.includes(safe.layers[0]?.digest ?? "")),
  );
  await node.images.remove(name, signal);
  await node.snapshotter.remove(key("c2"));
  node.containers.clear();
  node.images.containerGone();
  await node.images.sweep(signal);
  assert.deepEqual((await node.snapshotter.list()).committed, []);
});

test("what a pull had brought when it was cut off waits for the next one, in the same boot, for its time", {
  skip,
}, async () => {
  await using server = await startImageServer();
  server.add("fresh", "1", fresh);
  const [lower = "", upper = ""] = fresh.layers.map(({ digest }) => digest);
  const name = `${server.host}/fresh:1`;
  const kept = { keepUnfinished: 60_000 };
  let node = await openTestNode(kept);
  const [lowest] = chainIds(fresh.diffIds);
  /** A pull that does not get its upper layer. */
  async function cutOff(): Promise<void> {
    server.odd = ({ path }, response) => path.includes(upper) && response.writeHead(404).end() !== undefined;
    await assert.rejects(node.images.pull(name, undefined, signal));
    server.odd = () => false;
  }
  await cutOff();
  assert.deepEqual((await node.snapshotter.list()).committed, [lowest], "a failed pull");
  await node.images.sweep(signal);
  node = await node.crash("boot-1");
  await node.images.pull(name, undefined, signal);
  assert.equal(server.count(lower), 1, "it is not fetched again");
  await node.images.remove(name, signal);
  assert.deepEqual(
    (await node.snapshotter.list()).committed,
    [],
    "with the image recorded, nothing else holds it",
  );

  await cutOff();
  node = await node.crash("boot-2");
  assert.deepEqual((await node.snapshotter.list()).committed, [], "of another boot");
  await cutOff();
  node = await node.crash("boot-2", { keepUnfinished: 1 });
  await cutOff();
  await sleep(5);
  await node.images.sweep(signal);
  assert.deepEqual((await node.snapshotter.list()).committed, [], "its time is over");
  assert.deepEqual(await node.leftovers(), []);
  await node[Symbol.asyncDispose]();
});
