import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fails } from "../registry/testing/client.ts";
import { startCuttingProxy } from "../registry/testing/cutting-proxy.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../registry/testing/docker-registry.ts";
import { makeImage, pushImage, pushManifest, randomLayer } from "../registry/testing/made-image.ts";
import { startOddServer } from "../registry/testing/odd-server.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import type { PushedImage, PushProgress, PushState, RegistryAuth } from "./contract.ts";
import { openTestNode, type TestNode } from "./testing/node.ts";

const signal = new AbortController().signal;
const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (root !== undefined) console.error(`!!! SKIPPED: ${root}`);
const skip = root ?? missingRegistry();

const image = makeImage([randomLayer("base", 50_000, 1), randomLayer("top", 3_000_000, 2)]);
const me = { username: "me", password: "correct-horse" };

/** Trusts the registry's authority. */
function trust(node: TestNode, registry: TestRegistry): void {
  const at = join(node.root, "certs.d", registry.host);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "hosts.toml"), `ca = "${registry.ca}"`);
}

/** Pushes. @returns what came of it, and how each blob ended: layers, then the config */
async function push(
  node: TestNode,
  name: string,
  destination?: string,
  auth?: RegistryAuth,
): Promise<{ pushed: PushedImage; ends: PushState[] }> {
  const last = new Map<string, PushState>();
  const told: PushProgress["phase"][] = [];
  const progress = (step: PushProgress) => {
    if (step.phase !== "layer") return void told.push(step.phase);
    assert.ok(step.done <= step.total && told.length === 0);
    if (!last.has(step.digest)) assert.equal(step.state, "waiting");
    last.set(step.digest, step.state);
  };
  const pushed = await node.images.push({ image: name, destination, auth }, progress, signal);
  assert.deepEqual(told, ["committing"]);
  return { pushed, ends: [...last.values()] };
}

/** The registry has the image whole: a node that has nothing pulls it. */
async function pulls(registry: TestRegistry, name: string, auth?: RegistryAuth): Promise<void> {
  await using node = await openTestNode();
  if (registry.ca !== undefined) trust(node, registry);
  const record = await node.images.pull(name, { auth }, signal);
  assert.equal(record.id, image.id);
  assert.equal(record.manifest.digest, image.manifest.digest);
}

test("what was dropped passes through from where it came; then it is there, then mounted", {
  skip,
}, async () => {
  await using from = await startRegistry();
  await using to = await startRegistry({ tls: true, basicAuth: me });
  await using node = await openTestNode();
  trust(node, to);
  await pushImage(from, "app", image, ["1"]);
  const source = `${from.host}/app:1`;
  await node.images.pull(source, undefined, signal);

  const target = `${to.host}/team/app:2`;
  const { pushed, ends } = await push(node, source, target, me);
  assert.deepEqual(ends, ["done", "done", "done"]);
  const byDigest = `${to.host}/team/app@${image.manifest.digest}`;
  assert.deepEqual(pushed, { reference: byDigest, digest: image.manifest.digest, byAnother: false });
  await pulls(to, target, me);
  const record = node.images.find(byDigest);
  assert.deepEqual([record?.id, record?.tags], [image.id, [source]]);

  assert.deepEqual((await push(node, image.id, target, me)).ends, ["present", "present", "present"]);
  const moved = `${to.host}/other/app:latest`;
  await node.images.tag(source, `${to.host}/other/app`, signal);
  assert.deepEqual((await push(node, moved, undefined, me)).ends, ["mounted", "mounted", "mounted"]);
  await pulls(to, moved, me);
});

test("of an index the image that is here is pushed, which is said", { skip }, async () => {
  await using registry = await startRegistry();
  await using node = await openTestNode();
  await pushImage(registry, "app", image, ["plain"]);
  const platform = { architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux" };
  const manifests = [{ ...image.manifest, platform }];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const { digest } = await pushManifest(registry, "app", "multi", mediaTypes.ociIndex, index);
  await node.images.pull(`${registry.host}/app:multi`, undefined, signal);
  const { pushed } = await push(node, `${registry.host}/app:multi`, `${registry.host}/app:one`);
  assert.deepEqual([pushed.digest, pushed.byAnother], [image.manifest.digest, true]);
  const toIndex = push(node, `${registry.host}/app@${digest}`);
  await fails(toIndex, "invalid", /has digest sha256:\S+ \(push it to a tag/);
  await push(node, image.id, `${registry.host}/by-digest@${image.manifest.digest}`);
  await pulls(registry, `${registry.host}/by-digest@${image.manifest.digest}`);
});

test("an upload whose connection breaks goes on, and ends with a blob that is whole", { skip }, async () => {
  await using registry = await startRegistry();
  await using proxy = await startCuttingProxy(registry.host);
  await using node = await openTestNode({ keepLayerBlobs: true });
  await pushImage(registry, "app", image, ["1"]);
  await node.images.pull(`${registry.host}/app:1`, undefined, signal);
  proxy.cutAfter(1_500_000, 2);
  const { ends } = await push(node, `${registry.host}/app:1`, `${proxy.host}/mended:1`);
  assert.deepEqual(ends, ["done", "done", "done"]);
  assert.equal(proxy.cuts, 2);
  await pulls(registry, `${registry.host}/mended:1`);

  await using never = await startCuttingProxy(registry.host);
  never.cutAfter(100_000, Number.POSITIVE_INFINITY);
  const pushing = push(node, image.id, `${never.host}/never:1`);
  await fails(pushing, "unavailable", /pushing \S+never:1: sending sha256/);
});

test("what can't be pushed says why, and what to do", { skip }, async () => {
  await using to = await startRegistry({ basicAuth: me });
  await using node = await openTestNode();
  const from = await startRegistry();
  await pushImage(from, "app", image, ["1"]);
  const source = `${from.host}/app:1`;
  await node.images.pull(source, undefined, signal);
  await from[Symbol.asyncDispose]();
  const target = `${to.host}/app:1`;
  await fails(push(node, "absent:1", target), "notFound", /"absent:1" is not on this node/);
  await fails(push(node, image.id.slice(7, 20)), "invalid", /is an id, and names no registry \(say where/);
  await fails(push(node, source, "r.example/NO"), "invalid", /not an image reference/);
  await fails(push(node, source, target), "unauthenticated", /no credential was given/);
  await fails(
    push(node, source, target, { username: "me", password: "wr0ng" }),
    "unauthenticated",
    /check the credential/,
  );
  // Its source is gone, and it was not pushed there before.
  await fails(
    push(node, source, target, me),
    "unavailable",
    /pushing \S+: sending \S+: layer \S+ was dropped once it was unpacked, and can't be fetched again:.*\(to keep blobs, set/,
  );
  const at = join(node.root, "certs.d", to.host);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "hosts.toml"), `capabilities = ["pull", "resolve"]\nserver = "http://${to.host}"`);
  await fails(push(node, source, target, me), "invalid", /no host is configured.*\(capabilities in/);
});

test("a registry that answers what it should not", { skip: root }, async () => {
  await using registry = await startRegistry();
  await using node = await openTestNode();
  await pushImage(registry, "app", image, ["1"]);
  const source = `${registry.host}/app:1`;
  await node.images.pull(source, undefined, signal);
  let behaviour: "no location" | "another digest" | "denied" = "no location";
  await using odd = await startOddServer(({ method, path }, response) => {
    const location = behaviour === "no location" ? {} : { location: "/v2/app/blobs/uploads/1?state=a%2Fb" };
    if (method === "HEAD") return void response.writeHead(404).end();
    if (path.includes("/manifests/"))
      return void response.writeHead(201, { "docker-content-digest": `sha256:${"0".repeat(64)}` }).end();
    if (behaviour === "denied") {
      const body = JSON.stringify({ errors: [{ code: "DENIED", message: "not for you" }] });
      return void response.writeHead(403, { "content-type": "application/json" }).end(body);
    }
    response.writeHead(method === "PUT" ? 201 : 202, location).end();
  });
  const target = `${odd.host}/app:1`;
  await fails(push(node, source, target), "corrupt", /doesn't say where the upload goes on/);
  behaviour = "another digest";
  await fails(push(node, source, target), "corrupt", /the registry has the manifest as sha256:0+, not as/);
  // What the registry wrote into the address comes back as it was.
  assert.equal(odd.seen.find(({ method }) => method === "PUT")?.query.get("state"), "a/b");
  behaviour = "denied";
  await fails(push(node, source, target), "forbidden", /answers 403: DENIED not for you/);
});

test("names: given, moved, taken away", { skip }, async () => {
  await using registry = await startRegistry();
  await using node = await openTestNode({ pinned: ["*kept*"] });
  const other = makeImage([randomLayer("other", 1000, 3)]);
  await pushImage(registry, "app", image, ["1"]);
  await pushImage(registry, "app", other, ["2"]);
  for (const tag of ["1", "2"]) await node.images.pull(`${registry.host}/app:${tag}`, undefined, signal);
  const holder = () => node.images.find("kept:1")?.id;
  await node.images.tag(`${registry.host}/app:1`, "kept:1", signal);
  assert.equal(holder(), image.id);
  assert.equal(node.images.find(image.id)?.pinned, true);
  await node.images.tag(other.id.slice(7, 19), "kept:1", signal);
  assert.equal(holder(), other.id);
  assert.equal(node.images.find(image.id)?.pinned, false);
  await node.images.untag("kept:1", signal);
  assert.equal(holder(), undefined);
  assert.deepEqual(node.images.find(other.id)?.tags, [`${registry.host}/app:2`]);
  await node.images.untag(`${registry.host}/app:2`, signal);
  assert.deepEqual(node.images.find(other.id)?.tags, []);
  await fails(node.images.untag("kept:1", signal), "notFound", /no image on this node is called docker\.io/);
  await fails(node.images.tag("absent:1", "x", signal), "notFound", /absent:1/);
  await fails(node.images.tag(image.id, `x@${image.manifest.digest}`, signal), "invalid", /by digest/);
});
