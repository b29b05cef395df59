import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "../base/fault.ts";
import { digestOf } from "../spec/digest.ts";
import { BlobStore } from "./blob-store.ts";

let directory: string;
let store: BlobStore;
const signal = new AbortController().signal;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-content-"));
  store = await BlobStore.open(join(directory, "content"));
});
after(() => rm(directory, { recursive: true }));

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function ingests(): Promise<string[]> {
  return readdir(join(directory, "content", "ingest"));
}

test("what was stored is read back, whole or as a stream", async () => {
  const digest = digestOf("hello, world");
  await store.write(chunks("hello,", " world"), { digest, size: 12 });
  assert.equal((await store.read(digest, 12)).toString(), "hello, world");
  assert.equal(Buffer.concat(await Array.fromAsync(store.stream(digest, signal))).toString(), "hello, world");
  assert.equal(await store.put(Buffer.from("hello, world")), digest);
  assert.deepEqual(
    (await store.list()).map((entry) => entry.digest),
    [digest],
  );
  await store.delete(digest);
  await store.delete(digest);
  assert.equal(await store.size(digest), undefined);
  await assert.rejects(store.read(digest, 12), (error) => isFault(error, "notFound"));
});

test("another digest or size is refused and leaves nothing", async () => {
  const digest = digestOf("hello");
  for (const [texts, size] of [
    [["hellO"], 5],
    [["hell"], 5],
    [["hello", "!"], 5],
    [["hello"], 6],
  ] as const) {
    await assert.rejects(store.write(chunks(...texts), { digest, size }), (error) =>
      isFault(error, "corrupt"),
    );
  }
  const broken = (async function* () {
    yield Buffer.from("he");
    throw new Error("the stream broke");
  })();
  await assert.rejects(store.write(broken, { digest, size: 5 }), /storing sha256/);
  assert.deepEqual(await ingests(), []);
  assert.equal(await store.size(digest), undefined);
});

test("a blob that rotted is not served", async () => {
  const digest = await store.put(Buffer.from("good"));
  await writeFile(store.pathOf(digest), "evil");
  await assert.rejects(store.read(digest, 10), (error) => isFault(error, "corrupt"));
  await assert.rejects(Array.fromAsync(store.stream(digest, signal)), (error) => isFault(error, "corrupt"));
  await writeFile(store.pathOf(digest), "good and too long");
  await assert.rejects(store.read(digest, 10), (error) => isFault(error, "exhausted"));
  await store.put(Buffer.from("good"));
  assert.equal((await store.read(digest, 10)).toString(), "good");
});

test("it is an OCI layout, and a start drops what was half written", async () => {
  await writeFile(store.ingestPath(), "half");
  const begun = digestOf("begun and ended");
  await writeFile(join(directory, "content", "partial", begun.slice("sha256:".length)), "begun");
  store = await BlobStore.open(join(directory, "content"));
  assert.deepEqual(await ingests(), []);
  assert.deepEqual(
    (await store.partials()).map(({ digest }) => digest),
    [begun],
    "but not what is to go on",
  );
  await store.delete(begun);
  assert.deepEqual(await store.partials(), []);
  const layout = JSON.parse(await readFile(join(directory, "content", "oci-layout"), "utf8"));
  assert.equal(layout.imageLayoutVersion, "1.0.0");
});
