import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { digestOf } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import { RegistryClient } from "./client.ts";
import { bytesOf, fails, TestClient } from "./testing/client.ts";
import { makeImage, randomLayer } from "./testing/made-image.ts";
import { startOddServer } from "./testing/odd-server.ts";

const client = new TestClient();
const { configPath } = client;
after(() => client[Symbol.dispose]());
const signal = new AbortController().signal;
const repository = client.repository.bind(client);

const image = makeImage([randomLayer("a", 200_000, 1)]);
const [layer] = image.layers;
assert.ok(layer);

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
  const endless = (response: ServerResponse) => {
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
  using hasty = new TestClient({ stall: 500 });
  const remote = await hasty.repository(`${server.host}/broken/app:1`);
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

test("a proxy is used as the environment says, and its password told to nobody", async () => {
  const asked: string[] = [];
  const proxy = createServer((socket) => {
    socket.once("data", (data) => {
      asked.push(data.toString().split("\r\n")[0] ?? "");
      socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  const port = typeof address === "object" ? address?.port : 0;
  const proxied = new RegistryClient({
    configPath,
    maxManifest: 1000,
    backOff: { tries: 1, first: 1, longest: 1, longestAsked: 1 },
    proxyEnv: { HTTPS_PROXY: `http://me:s3cret@127.0.0.1:${port}` },
  });
  const remote = await proxied.repository(parseReference("registry.invalid/app:1"), undefined);
  const story = await fails(remote.manifest("1", signal), "unavailable", /502/);
  assert.doesNotMatch(story, /s3cret/);
  assert.deepEqual(asked, ["CONNECT registry.invalid:443 HTTP/1.1"]);
  proxied.close();
  proxy.close();
});
