import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fails } from "../registry/testing/client.ts";
import { makeImage, randomLayer } from "../registry/testing/made-image.ts";
import type { PullProgress } from "./contract.ts";
import { startImageServer } from "./testing/image-server.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";
import { serveRanges, untilPieces } from "./testing/range-server.ts";

const { signal } = new AbortController();
const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (root !== undefined) console.error(`!!! SKIPPED: ${root}`);
const mebibyte = 1_048_576;
const image = makeImage([randomLayer("large", 24 * mebibyte, 7), randomLayer("small", 2 * mebibyte, 8)]);
const [large, small] = image.layers;
assert.ok(large && small);
const blob = image.blobs.get(large.digest) ?? Buffer.alloc(0);

test("what came before a cancelled pull, or a kill of the daemon, is not fetched again", {
  skip: root,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const name = `${server.host}/app:1`;
  let limit = 5.5 * mebibyte;
  const sendings = serveRanges(server, large, ({ from, sent }) => from + sent < limit);
  let node = await openTestNode({ keepUnfinished: 3_600_000 });
  try {
    const cancel = new AbortController();
    const smallIsHere = Promise.withResolvers<void>();
    const tell = (step: PullProgress) => {
      if (step.phase === "layer" && step.digest === small.digest && step.state === "unpacked")
        smallIsHere.resolve();
    };
    const cancelled = node.images.pullTelling(name, undefined, tell, cancel.signal);
    await untilPieces(node.root, large, 5);
    await smallIsHere.promise;
    cancel.abort();
    await fails(cancelled, "cancelled");
    assert.deepEqual(await node.leftovers(), []);
    assert.equal(server.count(small.digest), 1);

    sendings.length = 0;
    limit = 10.5 * mebibyte;
    void node.images.pull(name, undefined, signal).catch(() => undefined);
    await untilPieces(node.root, large, 10);
    assert.deepEqual(Math.min(...sendings.map(({ from }) => from)), 5 * mebibyte);

    node = await node.crash("boot-1");
    sendings.length = 0;
    limit = blob.length;
    assert.equal((await node.images.pull(name, undefined, signal)).id, image.id);
    assert.deepEqual(Math.min(...sendings.map(({ from }) => from)), 10 * mebibyte);
    assert.equal(server.count(small.digest), 1, "a layer that had come whole is not asked for again");
    assert.deepEqual(readdirSync(join(node.root, "content", "partial")), []);
  } finally {
    await node[Symbol.asyncDispose]();
  }
});

test("after a boot all is fetched anew, and so is what turns out to be wrong", { skip: root }, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const name = `${server.host}/app:1`;
  let limit = 3.5 * mebibyte;
  const sendings = serveRanges(server, large, ({ from, sent }) => from + sent < limit);
  let node = await openTestNode({ keepUnfinished: 3_600_000 });
  try {
    for (const [boot, from] of [
      ["boot-1", 3 * mebibyte],
      ["boot-2", 0],
    ] as const) {
      limit = 3.5 * mebibyte;
      void node.images.pull(name, undefined, signal).catch(() => undefined);
      await untilPieces(node.root, large, 3);
      node = await node.crash(boot);
      sendings.length = 0;
      limit = blob.length;
      // As if what is here had been written by who knows whom: it is noticed, and fetched anew.
      if (boot === "boot-1") spoilPartial(node);
      const record = await node.images.pull(name, undefined, signal);
      assert.equal(record.id, image.id);
      assert.equal(sendings[0]?.from, from);
      if (boot === "boot-1") assert.ok(sendings.some((sending) => sending.from === 0));
      await node.images.remove(record.id, signal);
    }
  } finally {
    await node[Symbol.asyncDispose]();
  }

  function spoilPartial(at: TestNode): void {
    const path = join(at.root, "content", "partial", large?.digest.slice(7) ?? "");
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0, 1000, 2000));
  }
});

test("a large layer comes over several connections, as many as the host is to bear", {
  skip: root,
}, async () => {
  await using server = await startImageServer();
  server.add("app", "1", image);
  const name = `${server.host}/app:1`;
  // Nothing more is sent until there are two: a second one must come.
  const together = () => sendings.filter(({ from, to, sent }) => from + sent < to).length;
  let most = 0;
  const sendings = serveRanges(server, large, ({ from, sent }) => {
    most = Math.max(most, together());
    return from > 0 || sent < 4 * mebibyte || most > 1;
  });
  await using node = await openTestNode();
  const record = await node.images.pull(name, undefined, signal);
  assert.ok(most > 1 && most <= 4, `${most} connections`);
  assert.equal(
    sendings.reduce((sum, { from, to }) => sum + to - from, 0),
    blob.length,
    "no byte is asked for twice",
  );
  await node.images.remove(record.id, signal);

  await using frugal = await openTestNode({ connectionsPerHost: 1 });
  [most, sendings.length] = [0, 0];
  const requests = server.seen.length;
  const stillGoing = serveRanges(server, large, () => {
    most = Math.max(most, stillGoing.filter(({ from, to, sent }) => from + sent < to).length);
    return true;
  });
  await frugal.images.pull(name, undefined, signal);
  assert.equal(most, 1);
  assert.ok(server.seen.length > requests);
});

test("hosts that know no ranges are asked for the whole, over one connection", { skip: root }, async () => {
  for (const way of ["ignores", 416, 400, 501] as const) {
    await using server = await startImageServer();
    server.add("app", "1", image);
    await using node = await openTestNode();
    const asked: boolean[] = [];
    server.odd = (request, response) => {
      if (!request.path.includes(large.digest)) return false;
      const ranged = request.headers.range !== undefined;
      asked.push(ranged);
      if (way === "ignores" || !ranged) return false;
      response.writeHead(way).end();
      return true;
    };
    assert.equal((await node.images.pull(`${server.host}/app:1`, undefined, signal)).id, image.id);
    assert.deepEqual(asked, way === "ignores" ? [true] : [true, false], `${way}`);
  }
});
