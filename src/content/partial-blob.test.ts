import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf } from "../spec/digest.ts";
import { BlobStore } from "./blob-store.ts";
import { pieceBytes } from "./partial-blob.ts";

const bytes = Buffer.alloc(3 * pieceBytes + 1000);
for (let at = 0; at < bytes.length; at += 7) bytes[at] = at % 251;
const blob = { digest: digestOf(bytes), size: bytes.length };

function newRoot(): { root: string; [Symbol.dispose](): void } {
  const root = mkdtempSync(join(tmpdir(), "berth-partial-"));
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

test("whole pieces are known to whoever opens the blob again; a piece that was not whole is wanted again", async () => {
  using place = newRoot();
  const store = await BlobStore.open(place.root);
  {
    await using partial = await store.openPartial(blob);
    assert.deepEqual(partial.claim(pieceBytes), { from: 0, to: pieceBytes });
    assert.deepEqual(partial.claim(pieceBytes), { from: pieceBytes, to: 2 * pieceBytes });
    await partial.write(pieceBytes, [bytes.subarray(pieceBytes, 2 * pieceBytes - 10)]);
    await partial.write(2 * pieceBytes - 10, [bytes.subarray(2 * pieceBytes - 10, 2 * pieceBytes)]);
    await partial.write(0, [bytes.subarray(0, 5000)]);
    assert.equal(partial.growth.bytes, 0, "nothing is read that has a gap before it");
  }
  const again = await BlobStore.open(place.root);
  assert.ok(await again.hasPartial(blob.digest));
  await using partial = await again.openPartial(blob);
  assert.equal(partial.growth.bytes, 0);
  let grown = 0;
  partial.onGrown(() => {
    grown = partial.growth.bytes;
  });
  assert.deepEqual(partial.claim(100 * pieceBytes), { from: 0, to: pieceBytes }, "up to what is here");
  assert.deepEqual(partial.claim(100 * pieceBytes), { from: 2 * pieceBytes, to: bytes.length });
  assert.equal(partial.claim(1), undefined);
  await partial.write(0, [bytes.subarray(0, pieceBytes)]);
  assert.equal(grown, 2 * pieceBytes);
  await partial.write(2 * pieceBytes, [bytes.subarray(2 * pieceBytes)]);
  assert.equal(grown, bytes.length);
  await again.adoptPartial(partial, blob.digest);
  assert.ok(readFileSync(again.pathOf(blob.digest)).equals(bytes), "nothing is behind its end any more");
});

test("what is given back may be claimed again, but for what came; a claim may take all the rest", async () => {
  using place = newRoot();
  await using partial = await (await BlobStore.open(place.root)).openPartial(blob);
  const claim = partial.claim(2 * pieceBytes);
  assert.ok(claim);
  await partial.write(0, [bytes.subarray(0, pieceBytes + 1)]);
  partial.release(claim);
  const next = partial.claim(pieceBytes);
  assert.deepEqual(next, { from: pieceBytes, to: 2 * pieceBytes });
  assert.ok(next);
  partial.claimRest(next);
  assert.deepEqual(next, { from: pieceBytes, to: bytes.length });
  assert.equal(partial.claim(pieceBytes), undefined);
});

test("two at once are not in each other's way, and what is in use is not dropped", async () => {
  using place = newRoot();
  const store = await BlobStore.open(place.root);
  const first = await store.openPartial(blob);
  const second = await store.openPartial(blob);
  assert.notEqual(second.path, first.path);
  await store.dropPartial(blob.digest);
  assert.ok(existsSync(first.path) && existsSync(second.path));
  await second[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  assert.ok(existsSync(first.path) && !existsSync(second.path));
  await store.dropPartial(blob.digest);
  assert.deepEqual(readdirSync(join(place.root, "partial")), []);
});
