import assert from "node:assert/strict";
import { test } from "node:test";
import { fails } from "../registry/testing/client.ts";
import { missingRegistry, startRegistry } from "../registry/testing/docker-registry.ts";
import { makeImage, pushImage, randomLayer } from "../registry/testing/made-image.ts";
import { startOddServer } from "../registry/testing/odd-server.ts";
import { openTestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const skip = missingRegistry();
if (skip !== undefined) console.error(`!!! SKIPPED: tests with a real registry: ${skip}`);

test("a short name is pulled from the first registry that has it, and found by that name", {
  skip,
}, async () => {
  await using closed = await startOddServer((_, response) => {
    response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  });
  await using empty = await startRegistry();
  await using full = await startRegistry();
  const [image, other] = [1, 2].map((seed) => makeImage([randomLayer("a", 1_000, seed)]));
  assert.ok(image && other);
  await pushImage(full, "team/app", image, ["1"]);
  const search = ["blocked.example", closed.host, empty.host, full.host];
  await using node = await openTestNode({
    shortNames: { search, aliases: { nick: `${full.host}/team/app` }, mode: "permissive" },
    blocked: ["blocked.example"],
  });
  const pull = (name: string) =>
    node.images.pull(name, { auth: { username: "hub", password: "s3cret" } }, signal);
  const pulled = await pull("team/app:1");
  assert.deepEqual(pulled.tags, [`${full.host}/team/app:1`]);
  assert.equal(node.images.find("team/app:1")?.id, image.id);
  assert.ok(closed.seen.length > 0);
  assert.ok(closed.seen.every(({ headers }) => headers.authorization === undefined));
  assert.equal((await pull("nick:1")).id, image.id);
  assert.equal(node.images.find("nick:1")?.id, image.id);

  await pushImage(empty, "team/app", other, ["1"]);
  assert.equal((await pull("team/app:1")).id, other.id);
  assert.equal(node.images.find("team/app:1")?.id, other.id, "what would be pulled first is found first");
  await node.images.remove("team/app:1", signal);
  assert.equal(node.images.find("team/app:1")?.id, image.id);
  const story = await fails(
    pull("nowhere:1"),
    "notFound",
    /none of 4 registries has it/,
    /blocked\.example\/nowhere:1 is blocked by the rule "blocked\.example"/,
  );
  for (const { host } of [closed, empty, full]) assert.ok(story.includes(`${host}/nowhere:1: `), story);
  assert.doesNotMatch(story, /s3cret/);
});

test("a refusal names the rule, whether the name is written in full or short", async () => {
  await using node = await openTestNode({ blocked: ["*.bad.example", "docker.io/library/app"] });
  const refused = (name: string, rule: RegExp) =>
    fails(node.images.pull(name, undefined, signal), "forbidden", rule, /registry\.blocked/);
  await refused("r.bad.example/x:1", /r\.bad\.example\/x:1 is blocked by the rule "\*\.bad\.example"/);
  await refused("app", /docker\.io\/library\/app:latest is blocked by the rule "docker\.io\/library\/app"/);
});
