import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { describeFault, type FaultKind, isFault } from "../base/fault.ts";
import { digestOf } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import { RegistryClient } from "./client.ts";
import type { GivenCredential } from "./credential.ts";
import type { RemoteRepository } from "./repository.ts";
import { missingRegistry, startRegistry } from "./testing/docker-registry.ts";
import { makeImage, pushImage, randomLayer } from "./testing/made-image.ts";
import { startOddServer } from "./testing/odd-server.ts";

const configPath = mkdtempSync(join(tmpdir(), "berth-certs-"));
const signal = new AbortController().signal;
const client = new RegistryClient({
  configPath,
  maxManifest: 100_000,
  stall: 500,
  backOff: { tries: 3, first: 10, longest: 50, longestAsked: 2_000 },
});
after(() => {
  client.close();
  rmSync(configPath, { recursive: true });
});
const skip = missingRegistry();
if (skip !== undefined) console.error(`!!! SKIPPED: tests with a real registry: ${skip}`);

function configure(host: string, toml: string): void {
  mkdirSync(join(configPath, host), { recursive: true });
  writeFileSync(join(configPath, host, "hosts.toml"), toml);
}

function repository(reference: string, credential?: GivenCredential): Promise<RemoteRepository> {
  return client.repository(parseReference(reference), credential);
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

async function fails(work: Promise<unknown>, kind: FaultKind, ...texts: RegExp[]): Promise<string> {
  const error = await work.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  const story = describeFault(error);
  assert.ok(isFault(error, kind), story);
  for (const text of texts) assert.match(story, text);
  return story;
}

const image = makeImage([randomLayer("a", 200_000, 1)]);
const [layer] = image.layers;
assert.ok(layer);

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
    /all of 3 hosts/,
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
  rmSync(join(configPath, "_default"), { recursive: true });
});

test("tokens: asked for once, with what the challenge says, and not for another host", async () => {
  const token = "tok-".concat("x".repeat(20));
  await using stranger = await startOddServer((request, response) => {
    if (request.headers.authorization !== undefined) return void response.writeHead(400).end();
    response.end(image.blobs.get(layer.digest));
  }, "127.0.0.2");
  await using server = await startOddServer((request, response) => {
    if (request.path === "/token") return void response.end(JSON.stringify({ token, expires_in: 300 }));
    if (request.headers.authorization !== `Bearer ${token}`) {
      const challenge = `Bearer realm="${server.url}/token",service="reg",scope="repository:app:pull"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    if (request.path.includes("/blobs/")) {
      return void response.writeHead(307, { location: `${stranger.url}/store?signature=s3cret` }).end();
    }
    response.setHeader("content-type", image.manifest.mediaType);
    response.end(image.manifestBytes);
  });
  const credential = { username: "me", password: "pw" };
  for (let round = 0; round < 2; round++) {
    const remote = await repository(`${server.host}/app:1`, credential);
    assert.equal((await remote.manifest("1", signal)).digest, image.manifest.digest);
    assert.deepEqual(await bytesOf(remote.blob(layer, signal)), image.blobs.get(layer.digest));
  }
  const asked = server.seen.filter((request) => request.path === "/token");
  assert.equal(asked.length, 1);
  assert.deepEqual(
    [asked[0]?.query.get("service"), asked[0]?.query.get("scope")],
    ["reg", "repository:app:pull"],
  );
  assert.match(asked[0]?.headers.authorization ?? "", /^Basic /);
  assert.ok(
    stranger.seen.length === 2 &&
      stranger.seen.every((request) => request.headers.authorization === undefined),
  );

  const anonymous = await repository(`${server.host}/app:1`);
  await anonymous.manifest("1", signal);
  assert.equal(
    server.seen.filter((request) => request.path === "/token").at(-1)?.headers.authorization,
    undefined,
  );
  const refresh = await repository(`${server.host}/app:1`, { identityToken: "id-token" });
  await refresh.manifest("1", signal);
  assert.match(
    server.seen.filter((request) => request.path === "/token").at(-1)?.body ?? "",
    /grant_type=refresh_token.*refresh_token=id-token/,
  );
});

test("a server that is never content with its own tokens ends soon", async () => {
  let given = 0;
  await using server = await startOddServer((request, response) => {
    if (request.path === "/token") return void response.end(JSON.stringify({ access_token: `t${given++}` }));
    response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token",service="x"` }).end();
  });
  await fails(
    (await repository(`${server.host}/app:1`)).manifest("1", signal),
    "unauthenticated",
    /answers 401/,
  );
  assert.ok(given <= 3, `${given} tokens`);
});

test("bodies without an end, redirects without an end, and redirects to where none may lead", async () => {
  await using server = await startOddServer((request, response) => {
    if (request.path.endsWith("/token")) return endless(response);
    if (request.path.includes("/loop/"))
      return void response.writeHead(302, { location: request.path }).end();
    if (request.path.includes("/file/"))
      return void response.writeHead(302, { location: "file:///etc/passwd" }).end();
    if (request.path.includes("/auth/")) {
      return void response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
    }
    endless(response);
  });
  const endless = (response: import("node:http").ServerResponse) => {
    const more = (): void =>
      void (response.destroyed || setImmediate(() => response.write("x".repeat(65_536), more)));
    more();
  };
  const ask = async (path: string) => (await repository(`${server.host}/${path}:1`)).manifest("1", signal);
  await fails(ask("endless/app"), "exhausted", /more than 100000 bytes/);
  await fails(ask("loop/app"), "unavailable", /redirects more than/);
  await fails(ask("file/app"), "forbidden", /no HTTP address/);
  await fails(ask("auth/app"), "exhausted", /more than 1048576 bytes/);
});

test("a blob that breaks off, stalls or comes whole again goes on where it stopped", async () => {
  const blob = image.blobs.get(layer.digest) ?? Buffer.alloc(0);
  const ways = ["reset", "stall", "whole"];
  await using server = await startOddServer((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const way = request.path.includes("/broken/") ? ways[server.seen.length - 1] : undefined;
    if (way === "whole" || from === 0) response.writeHead(200, { "content-length": blob.length });
    else
      response.writeHead(206, {
        "content-length": blob.length - from,
        "content-range": `bytes ${from}-${blob.length - 1}/${blob.length}`,
      });
    if (way === "reset") response.write(blob.subarray(0, 70_000), () => response.destroy());
    else if (way === "stall") response.write(blob.subarray(from, from + 50_000));
    else response.end(way === "whole" ? blob : blob.subarray(from));
  });
  const remote = await repository(`${server.host}/broken/app:1`);
  assert.deepEqual(await bytesOf(remote.blob(layer, signal)), blob);
  assert.deepEqual(
    server.seen.map((request) => request.headers.range !== undefined),
    [false, true, true],
  );
});

test("a blob of another size is refused, and who gives up is not waited for", async () => {
  const blob = image.blobs.get(layer.digest) ?? Buffer.alloc(0);
  await using server = await startOddServer((request, response) => {
    if (request.path.includes("/long/")) return void response.end(Buffer.concat([blob, Buffer.from("!")]));
    if (request.path.includes("/chunked/")) {
      response.write(blob);
      return void response.end("!");
    }
    if (request.path.includes("/short/")) return void response.end(blob.subarray(1));
    response.write(blob.subarray(0, 10));
  });
  for (const path of ["long", "chunked", "short"]) {
    const remote = await repository(`${server.host}/${path}/app:1`);
    await fails(bytesOf(remote.blob(layer, signal)), "corrupt", /announced/);
  }
  const stop = new AbortController();
  const remote = await repository(`${server.host}/slow/app:1`);
  const reading = bytesOf(remote.blob(layer, stop.signal));
  setTimeout(() => stop.abort(), 50);
  await fails(reading, "cancelled");
});

test("429 and 503 are waited for as asked; what asks for too much is believed", async () => {
  let left = 2;
  await using server = await startOddServer((request, response) => {
    if (request.path.includes("/later/"))
      return void response.writeHead(429, { "retry-after": "3600" }).end();
    if (left-- > 0)
      return void response.writeHead(left === 1 ? 429 : 503, { "retry-after": left === 1 ? "1" : "0" }).end();
    response.end(image.manifestBytes);
  });
  const began = performance.now();
  const { digest } = await (await repository(`${server.host}/app:1`)).manifest("1", signal);
  assert.equal(digest, image.manifest.digest);
  assert.ok(performance.now() - began >= 990, "it did not wait");
  await fails(
    (await repository(`${server.host}/later/app:1`)).manifest("1", signal),
    "unavailable",
    /wait 3600 s/,
    /429/,
  );
});

test("what is not what its digest says is refused", async () => {
  await using server = await startOddServer((request, response) => {
    if (request.path.includes("/header/")) response.setHeader("docker-content-digest", digestOf("other"));
    response.end(image.manifestBytes);
  });
  const remote = await repository(`${server.host}/app:1`);
  await fails(remote.manifest(digestOf("other"), signal), "corrupt", /has digest/);
  await fails(
    remote.smallBlob({ ...image.manifest, digest: digestOf("other") }, signal),
    "corrupt",
    /another digest/,
  );
  await fails(remote.smallBlob({ ...image.manifest, size: 1 << 30 }, signal), "exhausted", /at most/);
  await fails(
    (await repository(`${server.host}/header/app:1`)).manifest("1", signal),
    "corrupt",
    /has digest/,
  );
});
