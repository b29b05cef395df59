import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { describeFault, isFault } from "../base/fault.ts";
import { makeImage, randomLayer } from "../registry/testing/made-image.ts";
import { SnapshotsServer } from "../snapshot/testing/snapshots-server.ts";
import { type ImageServer, startImageServer } from "./testing/image-server.ts";
import { openTestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? false : "NOT RUN: snapshots need root";

const image = makeImage(["one", "two"].map((name, seed) => randomLayer(name, 10_000, seed)));
const blobs = image.layers.map(({ digest }) => digest);

describe("images in a snapshotter of another process", { skip }, () => {
  let snapshots: SnapshotsServer;
  let registry: ImageServer;
  before(async () => {
    snapshots = SnapshotsServer.containerd();
    await snapshots.start();
  });
  after(() => snapshots[Symbol.asyncDispose]());

  const open = () =>
    openTestNode({
      snapshotters: ["overlayfs"],
      remoteSnapshotters: {
        overlayfs: { address: snapshots.socket, namespace: "k8s.io", deadline: 30_000 },
      },
    });
  const fetched = () => blobs.map((digest) => registry.count(digest));

  test("are fetched once for all who use it, and go with the one who committed them", async () => {
    await using server = await startImageServer();
    registry = server;
    server.add("app", "1", image);
    await using first = await open();
    const reference = `${server.host}/app:1`;
    const record = await first.images.pull(reference, undefined, signal);
    assert.deepEqual(fetched(), [1, 1]);
    {
      const before = await open();
      await before.images.pull(reference, undefined, signal);
      assert.deepEqual(fetched(), [1, 1]);
      await using second = await before.crash("boot-1");
      assert.ok(second.images.find(reference));
      assert.equal((await second.snapshotter.list()).committed.length, 0);
      await second.images.remove(reference, signal);
    }
    for (const { chainId } of record.layers) assert.ok(await first.snapshotter.has(chainId));
    await first.images.remove(reference, signal);
    for (const { chainId } of record.layers) assert.ok(!(await first.snapshotter.has(chainId)));
  });

  test("can't be had while it is away, which is said before anything is fetched", async () => {
    await using server = await startImageServer();
    registry = server;
    server.add("app", "1", image);
    await using node = await open();
    snapshots.killUnnoticed();
    await assert.rejects(
      node.images.pull(`${server.host}/app:1`, undefined, signal),
      (error) =>
        isFault(error, "unavailable") &&
        /the snapshotter overlayfs \(.*nobody answers at/.test(describeFault(error)),
    );
    assert.deepEqual(fetched(), [0, 0]);
    await snapshots.start();
    await node.images.pull(`${server.host}/app:1`, undefined, signal);
    assert.deepEqual(fetched(), [1, 1]);
  });
});
