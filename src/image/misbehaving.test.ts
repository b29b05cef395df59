import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { describeFault, isFault } from "../base/fault.ts";
import { missingProgram } from "../registry/testing/docker-registry.ts";
import { startImageServer } from "./testing/image-server.ts";
import { layerBytes, type Misbehaviour } from "./testing/misbehaviour.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";
import { oddAnswers } from "./testing/odd-answers.ts";
import { oddHosts } from "./testing/odd-hosts.ts";
import { oddImages } from "./testing/odd-images.ts";

const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
const skip = root ?? missingProgram("openssl");
if (skip !== undefined) console.error(`!!! SKIPPED: ${skip}`);

const docs = readFileSync(new URL("../../docs/registries.md", import.meta.url), "utf8");
const cases = [...oddAnswers, ...oddImages, ...oddHosts];

for (const misbehaviour of cases) {
  test(`a registry's misbehaviour is told and leaves nothing: ${misbehaviour.name}`, { skip }, async () => {
    const { name, kind, says, requests = 8 } = misbehaviour;
    const { error, asked } = await pullFrom(misbehaviour);
    const story = describeFault(error);
    assert.ok(isFault(error, kind), `${kind}: ${story}`);
    assert.match(story, says);
    assert.ok(asked <= requests, `${asked} requests`);
    assert.ok(docs.includes(rowOf(name, error)), `docs/registries.md should say\n${rowOf(name, error)}`);
  });
}

test("the table of misbehaviours in the docs has no row that nothing is behind", () => {
  const [, table = ""] = docs.split("## What a registry that misbehaves leads to");
  const rows = table
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (the registry|---)/.test(line));
  assert.deepEqual(
    rows.map((row) => row.split(" | ")[0]?.slice(2)),
    cases.map(({ name }) => name),
  );
});

/** Pulls, and looks that nothing has come of it. */
async function pullFrom({ settings, prepare }: Misbehaviour): Promise<{ error: unknown; asked: number }> {
  await using server = await startImageServer();
  await using node = await openTestNode(settings);
  await using until = new AsyncDisposableStack();
  await prepare(server, node, until);
  const error = await node.images.pull(`${server.host}/app:1`, undefined, AbortSignal.timeout(20_000)).then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  await nothingLeft(node);
  return { error, asked: server.seen.length };
}

async function nothingLeft(node: TestNode): Promise<void> {
  assert.deepEqual(await node.leftovers(), []);
  assert.deepEqual(await node.snapshotter.list(), { committed: [], containers: [], ingests: [] });
  assert.deepEqual([...node.images.list()], []);
  assert.deepEqual(await readdir(join(node.root, "content", "blobs", "sha256")), []);
  for (const outside of [join(node.root, "out"), "/tmp/berth-must-not-be-here"])
    assert.ok(!existsSync(outside), outside);
}

/**
 * The row of the docs' table, with a host and a directory that a user might see, and the same on every machine: what zlib
 * makes of a layer is not.
 */
function rowOf(name: string, error: unknown): string {
  const told = describeFault(error)
    .replaceAll(/127\.0\.0\.1(:\d+)?/g, "registry.example")
    .replaceAll(/localhost:\d+/g, "other.example")
    .replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:…")
    .replaceAll(/\/\S*\/certs\.d/g, "/etc/berth/certs.d")
    .replaceAll(/linux\/(amd64|arm64)(\/v\d)?/g, "linux/amd64")
    .replaceAll(/\b\d{5}\b/g, (size) => {
      const off = Number(size) - layerBytes.length;
      return Math.abs(off) <= 1 ? String(50_191 + off) : size;
    })
    .replaceAll("|", "\\|");
  return `| ${name} | ${told} |`;
}
