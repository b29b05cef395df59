import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hostProcesses } from "../linux/processes.ts";
import { CredentialSources } from "./credential-sources.ts";
import { fails, TestClient } from "./testing/client.ts";
import { makeImage } from "./testing/made-image.ts";
import { type SeenRequest, startOddServer } from "./testing/odd-server.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-whose-"));
const own = join(directory, "own.json");
const credentials = new CredentialSources(
  { own, others: [] },
  { processes: hostProcesses(), path: "/nowhere", env: {} },
);
const client = new TestClient({ credentials });
after(() => {
  client[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});
const signal = new AbortController().signal;
const image = makeImage([]);

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
function keep(auths: Record<string, string>): void {
  const entries = Object.entries(auths).map(([key, pair]) => [key, { auth: basic(pair).slice(6) }]);
  writeFileSync(own, JSON.stringify({ auths: Object.fromEntries(entries) }), { mode: 0o600 });
}

/** Takes only who has a credential at all; then it has the manifest, or not. */
const wanting = (has: boolean) => (request: SeenRequest, response: ServerResponse) => {
  if (request.headers.authorization === undefined)
    return void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  if (!has) return void response.writeHead(404).end();
  response.setHeader("content-type", image.manifest.mediaType).end(image.manifestBytes);
};
const shown = (server: { readonly seen: readonly SeenRequest[] }) =>
  server.seen.map(({ headers }) => headers.authorization).filter((one) => one !== undefined);

test("a mirror never sees the registry's credential, given or stored; it gets its own", async () => {
  await using mirror = await startOddServer(wanting(false), "127.0.0.2");
  await using registry = await startOddServer(wanting(true));
  client.configure(registry.host, `server = "${registry.url}"\n[host."${mirror.url}"]`);
  const given = { username: "given", password: "1" };
  const pull = async (credential?: typeof given) => {
    await (await client.repository(`${registry.host}/team/app:1`, credential)).manifest("1", signal);
  };
  await pull(given);
  assert.deepEqual(shown(mirror), []);
  assert.deepEqual(shown(registry), [basic("given:1")]);
  keep({ [registry.host]: "host:2", [`${registry.host}/team`]: "team:3", [mirror.host]: "mirror:4" });
  await pull();
  assert.deepEqual(shown(mirror), [basic("mirror:4")]);
  assert.deepEqual(shown(registry).slice(1), [basic("team:3")]);
  await pull(given);
  assert.equal(shown(registry).at(-1), basic("given:1"), "what the call gives is stronger");
});

test("a server of another name is the registry where its own file says so, and a mirror in that of all", async () => {
  await using server = await startOddServer(wanting(true));
  keep({ "named.example": "named:1", [server.host]: "server:2" });
  client.configure("named.example", `server = "${server.url}"`);
  await (await client.repository("named.example/app:1")).manifest("1", signal);
  client.configure("_default", `server = "${server.url}"`);
  const given = { username: "given", password: "1" };
  await (await client.repository("other.example/app:1", given)).manifest("1", signal);
  client.unconfigure("_default");
  assert.deepEqual(shown(server), [basic("named:1"), basic("server:2")]);
});

test("a refusal tells with which credential each host was asked, and what could not be looked into", async () => {
  const refusing = (_: SeenRequest, response: ServerResponse) =>
    void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  await using mirror = await startOddServer(refusing, "127.0.0.2");
  await using registry = await startOddServer(refusing);
  client.configure(registry.host, `server = "${registry.url}"\n[host."${mirror.url}"]`);
  const pull = async () => (await client.repository(`${registry.host}/app:1`)).manifest("1", signal);
  keep({ [registry.host]: "mary:lamb-s3cret" });
  const story = await fails(
    pull(),
    "unauthenticated",
    /127\.0\.0\.2:\d+: .*401 \(asked without a credential\)/,
  );
  assert.match(story, /asked with the credential of "mary" from .*own\.json/);
  assert.match(story, /check the credential of "mary"/);
  assert.doesNotMatch(story, /s3cret|bWFy/);
  writeFileSync(own, "{");
  await fails(pull(), "unauthenticated", /berth registry login 127\.0\.0\.1/, /own\.json: it is not JSON/);
});
