import assert from "node:assert/strict";
import { after, test } from "node:test";
import { digestOf } from "../spec/digest.ts";
import { readBody } from "./body.ts";
import type { HostSession } from "./host-session.ts";
import type { RemoteRepository } from "./repository.ts";
import { fails, TestClient } from "./testing/client.ts";
import { missingRegistry, startRegistry } from "./testing/docker-registry.ts";
import { startOddServer } from "./testing/odd-server.ts";

const client = new TestClient();
after(() => client[Symbol.dispose]());
const signal = new AbortController().signal;
const skip = missingRegistry();
if (skip !== undefined) console.error(`!!! SKIPPED: tests with a real registry: ${skip}`);

/** Uploads what `pieces` gives, in one request of its own after the one that opens the upload. */
async function upload(session: HostSession, digest: string, pieces: () => AsyncIterable<Uint8Array>) {
  const opened = await session.ask("POST", "blobs/uploads/", { headers: { "content-length": "0" } }, signal);
  opened.answer.resume();
  const at = new URL(opened.answer.headers.location ?? "", opened.url);
  const headers = { "content-type": "application/octet-stream" };
  const sent = await session.ask("PATCH", at, { headers, body: pieces }, signal);
  sent.answer.resume();
  const end = new URL(sent.answer.headers.location ?? "", sent.url);
  end.searchParams.set("digest", digest);
  const put = await session.ask("PUT", end, { headers: { "content-length": "0" } }, signal);
  put.answer.resume();
}

const uploading = (remote: RemoteRepository, work: (session: HostSession) => Promise<void>) =>
  remote.atAnyHost("uploading", "push", signal, work);

test("a blob is uploaded in pieces to a registry with TLS and a password", { skip }, async () => {
  const basicAuth = { username: "me", password: "correct-horse" };
  await using registry = await startRegistry({ tls: true, basicAuth });
  client.configure(registry.host, `ca = "${registry.ca}"`);
  const piece = Buffer.alloc(700_000, "piece");
  async function* pieces() {
    for (let index = 0; index < 5; index++) yield piece;
  }
  const whole = Buffer.concat([piece, piece, piece, piece, piece]);
  const digest = digestOf(whole);
  const remote = await client.repository(`${registry.host}/some/app:1`, basicAuth);
  await uploading(remote, (session) => upload(session, digest, pieces));
  const came = await remote.atAnyHost("reading", "pull", signal, async (session) => {
    const { answer, url } = await session.ask("GET", `blobs/${digest}`, {}, signal);
    return readBody(answer, url, whole.length, 5_000, signal);
  });
  assert.ok(came.equals(whole));
});

test("a body is sent again after the challenge, and a token is asked for what the request is for", async () => {
  await using server = await startOddServer((request, response) => {
    if (request.path === "/token") return void response.end(JSON.stringify({ token: "t" }));
    if (request.headers.authorization !== undefined) return void response.writeHead(201).end();
    const challenge = `Bearer realm="${server.url}/token",service="s",scope="repository:app:push"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
  });
  const remote = await client.repository(`${server.host}/app:1`);
  const body = async function* () {
    yield Buffer.from("one ");
    yield Buffer.from("two");
  };
  const scope = "repository:app:pull,push repository:other:pull";
  await uploading(remote, async (session) => {
    (await session.ask("PUT", "manifests/1", { body, scope }, signal)).answer.resume();
  });
  assert.deepEqual(
    server.seen.filter(({ method }) => method === "PUT").map((request) => request.body),
    ["one two", "one two"],
  );
  assert.deepEqual(server.seen.find(({ path }) => path === "/token")?.query.getAll("scope"), [
    "repository:app:push",
    "repository:app:pull,push",
    "repository:other:pull",
  ]);
});

test("an upload goes on at another host without the credential, and not where none may lead", async () => {
  await using stranger = await startOddServer(
    (_, response) => void response.writeHead(201).end(),
    "127.0.0.2",
  );
  await using server = await startOddServer((request, response) => {
    if (request.headers.authorization !== undefined) return void response.writeHead(202).end();
    response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  });
  const remote = await client.repository(`${server.host}/app:1`, { username: "me", password: "pw" });
  await uploading(remote, async (session) => {
    (await session.ask("POST", "blobs/uploads/", {}, signal)).answer.resume();
    (await session.ask("PUT", new URL(`${stranger.url}/up`), { body: "x" }, signal)).answer.resume();
  });
  assert.equal(stranger.seen[0]?.body, "x");
  assert.equal(stranger.seen[0]?.headers.authorization, undefined);
  const away = uploading(remote, async (session) => {
    await session.ask("PUT", new URL("ftp://stranger.example/up"), { body: "x" }, signal);
  });
  await fails(away, "forbidden", /no HTTP address/);
});
