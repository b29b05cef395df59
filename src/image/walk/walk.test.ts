import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingRegistry, startRegistry } from "../../registry/testing/docker-registry.ts";
import { makeImage, pushImage, randomLayer } from "../../registry/testing/made-image.ts";
import { startOddServer } from "../../registry/testing/odd-server.ts";
import type { WalkStep } from "../../registry/walk-step.ts";
import { openTestNode, type TestNode } from "../testing/node.ts";

const signal = new AbortController().signal;
const skip = missingRegistry();
if (skip !== undefined) console.error(`!!! SKIPPED: tests with a real registry: ${skip}`);
const image = makeImage([randomLayer("a", 300_000, 1)]);
const [layer] = image.layers;
assert.ok(layer);

function configure(node: TestNode, host: string, toml: string): void {
  mkdirSync(join(node.root, "certs.d", host), { recursive: true });
  writeFileSync(join(node.root, "certs.d", host, "hosts.toml"), toml);
}

/** The steps, and one text of them all. */
async function walk(node: TestNode, name: string, auth?: { username: string; password: string }) {
  const steps = await Array.fromAsync(node.images.walk(name, auth, signal));
  const told = JSON.stringify(steps);
  assert.doesNotMatch(told, /s3cret/);
  assert.equal(steps.filter((each) => each.name === "result").length, 1);
  assert.equal(steps.at(-1)?.name, "result");
  return steps;
}

const of = (steps: readonly WalkStep[], name: WalkStep["name"], host?: string) => {
  const found = steps.findLast((each) => each.name === name && (host === undefined || each.host === host));
  return found ?? assert.fail(`no step ${name} in ${JSON.stringify(steps, undefined, 1)}`);
};

test("a registry with TLS and a password: what is missing is told, then the whole way", {
  skip,
}, async () => {
  const basicAuth = { username: "me", password: "s3cret" };
  await using registry = await startRegistry({ tls: true, basicAuth });
  await pushImage(registry, "app", image, ["1"]);
  const name = `${registry.host}/app:1`;
  await using node = await openTestNode();

  const strange = await walk(node, name, basicAuth);
  const shown = of(strange, "tls");
  assert.equal(shown.outcome, "failed");
  assert.deepEqual(
    [shown.facts.problem, shown.facts.subject, shown.facts.issuer, shown.facts.version],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CN=registry", "CN=test authority", "TLSv1.3"],
  );
  assert.match(shown.facts.names ?? "", /127\.0\.0\.1.*localhost/);
  assert.match(of(strange, "ping").hint, /name the authority as ca in .*hosts\.toml/);
  assert.match(of(strange, "result").text, /can't be pulled: https.*unable to verify/);

  configure(node, registry.host, `ca = "${registry.ca}"`);
  const unnamed = await walk(node, name);
  assert.equal(of(unnamed, "tls").outcome, "ok");
  assert.match(of(unnamed, "challenge").text, /wants a user and password/);
  assert.match(of(unnamed, "credential").hint, /berth registry login 127/);
  assert.equal(of(unnamed, "manifest").outcome, "failed");
  assert.equal(of(unnamed, "result").outcome, "failed");

  const whole = await walk(node, name, basicAuth);
  assert.match(of(whole, "credential").text, /user "me", from the call/);
  assert.equal(of(whole, "manifest").facts.digest, image.manifest.digest);
  assert.equal(of(whole, "layer").facts.ranges, "true");
  assert.equal(of(whole, "result").outcome, "ok");
  assert.equal([...node.images.list()].length, 0, "nothing is kept of it");
});

test("mirrors: one that is down, one that is asked by digest alone, which the registry has told", {
  skip,
}, async () => {
  await using registry = await startRegistry();
  await using mirror = await startRegistry();
  await pushImage(registry, "app", image, ["1"]);
  await pushImage(mirror, "app", image, ["other"]);
  await using node = await openTestNode();
  const dead = "http://127.0.0.1:1";
  configure(
    node,
    registry.host,
    `server = "${registry.url}"\n[host."${dead}"]\n[host."${mirror.url}"]\ncapabilities = ["pull"]`,
  );
  const steps = await walk(node, `${registry.host}/app:1`);
  assert.match(
    of(steps, "hosts").text,
    /hosts\.toml:\n1\. http:\/\/127\.0\.0\.1:1\/v2 \(a mirror: .*\n2\. .*\n3\. /,
  );
  assert.equal(of(steps, "connection", `${dead}/v2`).outcome, "failed");
  assert.match(of(steps, "ping", `${dead}/v2`).hint, /nobody listens/);
  assert.equal(of(steps, "layer", `${mirror.url}/v2`).outcome, "ok");
  assert.match(
    of(steps, "result").text,
    new RegExp(
      `can be pulled from ${mirror.url}/v2, else from ${registry.url}/v2; ${registry.url}/v2 says what the tag`,
    ),
  );
});

test("tokens, redirects, and a host that serves no ranges", async () => {
  await using store = await startOddServer(
    (_, response) => response.end(image.blobs.get(layer.digest)),
    "127.0.0.2",
  );
  await using server = await startOddServer((request, response) => {
    const { path, headers } = request;
    if (path === "/token")
      return void response.end(JSON.stringify({ token: "s3cret-token", expires_in: 300 }));
    if (headers.authorization !== "Bearer s3cret-token") {
      const challenge = `Bearer realm="${server.url}/token",service="reg"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    if (path.endsWith(layer.digest))
      return void response.writeHead(307, { location: `${store.url}/x?signature=s3cret` }).end();
    if (path.includes("/blobs/")) return void response.end(image.blobs.get(image.id));
    response.setHeader("content-type", image.manifest.mediaType).end(image.manifestBytes);
  });
  await using node = await openTestNode();
  configure(node, server.host, `server = "${server.url}"`);
  const steps = await walk(node, `${server.host}/app:1`, { username: "me", password: "s3cret" });
  assert.match(of(steps, "challenge").text, /wants a token of http.*\/token for the service reg/);
  assert.match(of(steps, "token").text, /from http:\/\/127\.0\.0\.1:\d+\/token, good for 270 s/);
  assert.deepEqual(
    steps.filter((each) => each.name === "connection").map((each) => each.facts.host),
    [server.host, store.host],
  );
  assert.match(of(steps, "layer").text, /65536 of \d+ bytes of sha256:.*; ranges are not served/);
  assert.equal(of(steps, "layer").outcome, "note");
  assert.equal(of(steps, "result").outcome, "ok");
});

test("what ends the way before any host is asked is the result", async () => {
  await using node = await openTestNode({ blocked: ["bad.example"] });
  assert.match(of(await walk(node, "bad.example/a"), "result").text, /blocked by the rule "bad\.example"/);
  assert.match(of(await walk(node, "A"), "result").text, /lower case/);
  configure(node, "odd.example", "skip_verfy = true");
  assert.match(
    of(await walk(node, "odd.example/a"), "result").text,
    /hosts\.toml, line 1: skip_verfy is not known/,
  );
});
