import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HostHealth } from "./host-health.ts";
import { bytesOf, fails, TestClient } from "./testing/client.ts";
import { makeImage, randomLayer } from "./testing/made-image.ts";
import { startOddServer } from "./testing/odd-server.ts";
import { ConnectionLost } from "./transport.ts";

const signal = new AbortController().signal;
const image = makeImage([randomLayer("a", 1_000, 1)]);
const [layer] = image.layers;
assert.ok(layer);
const { digest } = layer;
const hour = 3_600_000;
const lost = new ConnectionLost(new URL("https://h.example/v2/"), new Error("reset"));

/** A registry and a mirror of it that answer with what they are told to. */
async function pair() {
  const status = { mirror: 503, registry: 200 };
  const serve = (who: keyof typeof status, address: string) =>
    startOddServer((request, response) => {
      response.statusCode = status[who];
      const isBlob = request.path.includes("/blobs/");
      if (status[who] !== 200) response.end();
      else if (isBlob) response.end(image.blobs.get(digest));
      else response.setHeader("content-type", image.manifest.mediaType).end(image.manifestBytes);
    }, address);
  const [mirror, registry] = [await serve("mirror", "127.0.0.2"), await serve("registry", "127.0.0.1")];
  return {
    status,
    mirror,
    registry,
    toml: `server = "${registry.url}"\n[host."${mirror.url}"]`,
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

test("a mirror that fails again and again is passed over, told of, and asked when no other answers", async () => {
  await using hosts = await pair();
  const { status, mirror, registry } = hosts;
  using client = new TestClient({ health: { failures: 3, coolDown: hour, longest: hour } });
  client.configure(registry.host, hosts.toml);
  const remote = await client.repository(`${registry.host}/app:1`);
  await remote.manifest("1", signal);
  assert.equal(mirror.seen.length, 2, "it is asked twice while there is another one");
  assert.deepEqual(await bytesOf(remote.blob(layer, signal)), image.blobs.get(digest));
  const soFar = mirror.seen.length;
  await (await client.repository(`${registry.host}/other:1`)).manifest("1", signal);
  assert.equal(mirror.seen.length, soFar, "it rests, for every repository");
  const [state] = client.client.health.states();
  assert.equal(state?.base, `${mirror.url}/v2`);
  assert.ok((state?.restsFor ?? 0) > hour / 2);

  status.registry = 404;
  await fails(
    remote.manifest("1", signal),
    "notFound",
    /none of 2 hosts gave it/,
    /127\.0\.0\.2:\d+: not asked: it failed 3 times in a row, it is tried again in \d+ s; at last: .*503/,
  );
  assert.equal(mirror.seen.length, soFar);
  status.registry = 503;
  status.mirror = 200;
  assert.equal((await remote.manifest("1", signal)).digest, image.manifest.digest);
  assert.equal(
    client.client.health.states()[0]?.restsFor,
    undefined,
    "it has answered, and is in its turn again",
  );
});

test("the registry is asked however often it failed when it is the only one; an answer that says no is one", async () => {
  await using hosts = await pair();
  const { status, registry } = hosts;
  using client = new TestClient({ health: { failures: 1, coolDown: hour, longest: hour } });
  const remote = await client.repository(`${registry.host}/app:1`);
  status.registry = 503;
  await fails(remote.manifest("1", signal), "unavailable", /503/);
  const before = registry.seen.length;
  status.registry = 404;
  await fails(remote.manifest("1", signal), "notFound", /404/);
  assert.equal(registry.seen.length, before + 1);
  assert.equal(client.client.health.states()[0]?.inARow, 0);
});

test("after a rest one request tries the host, and the others wait for what comes of that", async () => {
  const health = new HostHealth({ failures: 2, coolDown: 1, longest: hour });
  const base = "https://h.example/v2";
  const fail = () => health.failed(base, lost, signal);
  fail();
  assert.equal(health.passOver(base), undefined, "one failure is none");
  fail();
  await sleep(5);
  assert.equal(health.passOver(base), undefined, "the rest is over: this one tries");
  assert.match(health.passOver(base) ?? "", /it failed 2 times in a row, it is being tried again/);
  health.left(base);
  assert.equal(health.passOver(base), undefined, "who was to try has left");
  health.answered(base);
  assert.equal(health.passOver(base), undefined);
  assert.equal(health.passOver(base), undefined);
});

test("a failure within a rest, and one of a caller that has left, change nothing", () => {
  const health = new HostHealth({ failures: 1, coolDown: hour, longest: 2 * hour });
  health.failed("a", lost, signal);
  health.failed("a", lost, signal);
  const rest = health.states()[0]?.restsFor ?? 0;
  assert.ok(rest > 0.9 * hour && rest <= hour, "a failure within a rest changes nothing");
  health.failed("a", lost, AbortSignal.abort());
  assert.equal(health.states()[0]?.failed, 2, "who has given up says nothing of the host");
});
