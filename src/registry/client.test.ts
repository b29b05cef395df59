import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isFault } from "../base/fault.ts";
import { digestOf } from "../spec/digest.ts";
import { bytesOf, fails, TestClient } from "./testing/client.ts";
import { missingRegistry, startRegistry } from "./testing/docker-registry.ts";
import { makeImage, pushImage, randomLayer } from "./testing/made-image.ts";
import { startOddServer } from "./testing/odd-server.ts";

const client = new TestClient();
after(() => client[Symbol.dispose]());
const signal = new AbortController().signal;
const configure = client.configure.bind(client);
const repository = client.repository.bind(client);

const image = makeImage([randomLayer("a", 200_000, 1)]);
const [layer] = image.layers;
assert.ok(layer);

const skip = missingRegistry();
if (skip !== undefined) console.error(`!!! SKIPPED: tests with a real registry: ${skip}`);

test("a registry with TLS of an own authority and a password", { skip }, async () => {
  const basicAuth = { username: "me", password: "correct-horse" };
  await using registry = await startRegistry({ tls: true, basicAuth });
  await pushImage(registry, "some/app", image, ["1"]);
  const name = `${registry.host}/some/app:1`;

  await fails(
    (await repository(name, basicAuth)).manifest("1", signal),
    "unavailable",
    /certificate/,
    /hosts\.toml/,
  );
  configure(registry.host, `ca = "${registry.ca}"`);
  const story = await fails(
    (await repository(name, { ...basicAuth, password: "wrong-horse" })).manifest("1", signal),
    "unauthenticated",
    /answers 401/,
    /check the credential/,
  );
  assert.doesNotMatch(story, /horse|bWU6/);
  await fails((await repository(name)).manifest("1", signal), "unauthenticated", /no credential was given/);

  const auth = Buffer.from("me:correct-horse").toString("base64");
  for (const credential of [basicAuth, { auth }]) {
    const remote = await repository(name, credential);
    assert.equal(await remote.resolve("1", signal), image.manifest.digest);
    assert.deepEqual((await remote.manifest(image.manifest.digest, signal)).bytes, image.manifestBytes);
    assert.deepEqual(await bytesOf(remote.blob(layer, signal)), image.blobs.get(layer.digest));
  }
  const remote = await repository(name, basicAuth);
  await fails(remote.manifest("2", signal), "notFound", /some\/app:2/, /MANIFEST_UNKNOWN/);
});

test("a plain registry on loopback needs no configuration", { skip }, async () => {
  await using registry = await startRegistry();
  await pushImage(registry, "app", image, ["1"]);
  const remote = await repository(`${registry.host}/app:1`);
  assert.equal((await remote.manifest("1", signal)).digest, image.manifest.digest);
  configure(
    registry.host.replace(":", "_").concat("_"),
    `server = "https://${registry.host}"\nskip_verify = true`,
  );
  await fails(
    (await repository(`${registry.host}/app:1`)).manifest("1", signal),
    "unavailable",
    /to allow plain HTTP, write server/,
  );
});

test("a blob comes whole, however its reader dawdles, over plain HTTP and TLS", { skip }, async () => {
  const large = makeImage([randomLayer("large", 3_000_000, 7)]);
  const [blob] = large.layers;
  assert.ok(blob);
  for (const tls of [false, true]) {
    await using registry = await startRegistry({ tls });
    await pushImage(registry, "large", large, ["1"]);
    if (tls) configure(registry.host, `ca = "${registry.ca}"`);
    const remote = await repository(`${registry.host}/large:1`);
    const came: Uint8Array[] = [];
    for await (const chunk of remote.blob(blob, signal)) {
      // Longer than the memory of what the socket gave would last, were it the same as the body's.
      await new Promise((resolve) => setTimeout(resolve, 1));
      came.push(Buffer.from(chunk));
    }
    assert.equal(digestOf(Buffer.concat(came)), blob.digest);
  }
});

test("mirrors are asked in order, then the registry; the error names each", { skip }, async () => {
  await using registry = await startRegistry();
  await pushImage(registry, "library/app", image, ["1"]);
  await using empty = await startOddServer((_, response) => {
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "not\u0007 mine" }] }));
  });
  const mirror = (url: string, more = "") => `[host."${url}"]\ncapabilities = ["pull", "resolve"]\n${more}\n`;
  const header = `[host."${empty.url}".header]\nx-token = "s3cret-header"\n`;
  configure(
    "docker.io",
    `server = "http://127.0.0.1:1"\n${mirror(empty.url)}${header}${mirror(registry.url)}`,
  );
  const remote = await repository("app:1");
  assert.equal((await remote.manifest("1", signal)).digest, image.manifest.digest);
  assert.equal(empty.seen[0]?.query.get("ns"), "docker.io");
  assert.equal(empty.seen[0]?.headers["x-token"], "s3cret-header");
  const story = await fails(
    remote.manifest("2", signal),
    "unavailable",
    /none of 3 hosts gave it/,
    /not mine/,
    /127\.0\.0\.1:1.*ECONNREFUSED/,
  );
  assert.doesNotMatch(story, /s3cret/);

  configure("_default", `server = "http://127.0.0.1:1"\n[host."${registry.host}"]\nplain = true`);
  await assert.rejects(
    repository("quay.io/app:1"),
    (error) => isFault(error, "invalid") && /hosts\.toml.*plain/.test(error.message),
  );
  configure("_default", mirror(`${registry.url}/v2/library`, "override_path = true"));
  assert.equal(
    (await (await repository("quay.io/app:1")).manifest("1", signal)).digest,
    image.manifest.digest,
  );
  configure("_default", `[host."${registry.url}"]\ncapabilities = ["pull"]\n`);
  const byDigest = await repository(`registry.invalid/library/app@${image.manifest.digest}`);
  assert.equal((await byDigest.manifest(image.manifest.digest, signal)).digest, image.manifest.digest);
  configure("_default", `[host."https://m".header]\nauthorization = "s3cret"\nnot toml`);
  const broken = await fails(repository("quay.io/app:1"), "invalid", /hosts\.toml is not TOML, line 3/);
  assert.doesNotMatch(broken, /s3cret/);
  client.unconfigure("_default");
});
