import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { ListenAddress } from "../../config/listen-address.ts";
import { serveText } from "./text-server.ts";

const anyPort: ListenAddress = { host: "127.0.0.1", port: 0 };

async function serving(address: ListenAddress, text: () => Promise<string> = async () => "figures\n") {
  const server = await serveText({
    address,
    setting: "metrics.address",
    group: "",
    path: "/metrics",
    contentType: "text/plain; version=0.0.4",
    text,
  });
  return { at: server.at, [Symbol.asyncDispose]: () => server.close() };
}

/** What is answered over a unix socket. */
function askSocket(socketPath: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: "/metrics" }, async (response) => {
      const body = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode, body });
    })
      .on("error", reject)
      .end();
  });
}

/** Settles once a server of this process has been asked for something more. */
function nextRequest(): Promise<void> {
  const channel = "http.server.request.start";
  return new Promise((resolve) => {
    const onRequest = () => {
      unsubscribe(channel, onRequest);
      resolve();
    };
    subscribe(channel, onRequest);
  });
}

test("GET and HEAD of the one path are answered, anything else is refused", async () => {
  await using up = await serving(anyPort);
  const got = await fetch(`${up.at}/metrics?any=thing`);
  assert.equal(got.headers.get("content-type"), "text/plain; version=0.0.4");
  assert.deepEqual([got.status, await got.text()], [200, "figures\n"]);
  const head = await fetch(`${up.at}/metrics`, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "8", ""]);
  const post = await fetch(`${up.at}/metrics`, { method: "POST", body: "x".repeat(100_000) });
  assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
  for (const path of ["/", "/metrics/", "/metricsx", "//metrics"]) {
    assert.equal((await fetch(up.at + path)).status, 404, path);
  }
});

test("requests at the same time share one answer, and one that fails leaves the server up", async () => {
  let asked = 0;
  const gate = Promise.withResolvers<void>();
  await using up = await serving(anyPort, async () => {
    asked += 1;
    if (asked === 2) throw new Error("no figures");
    await gate.promise;
    return `${asked}`;
  });
  const all: Promise<Response>[] = [];
  // All of them are with the server before the one answer comes.
  for (let count = 0; count < 5; count++) {
    const arrived = nextRequest();
    all.push(fetch(`${up.at}/metrics`));
    await arrived;
  }
  gate.resolve();
  const texts = await Promise.all(all.map(async (answer) => (await answer).text()));
  assert.deepEqual(new Set(texts), new Set(["1"]));
  await assert.rejects(fetch(`${up.at}/metrics`));
  assert.equal((await fetch(`${up.at}/metrics`)).status, 200);
});

test("a taken port is an error that names the setting", async () => {
  await using up = await serving(anyPort);
  const port = Number(new URL(up.at).port);
  await assert.rejects(serving({ host: "127.0.0.1", port }), (error) => {
    assert.ok(isFault(error, "alreadyExists"));
    assert.match(
      error.message,
      new RegExp(`^metrics.address: listening on 127.0.0.1:${port}: another program`),
    );
    return true;
  });
  // TEST-NET-1 (RFC 5737) is no address of any host.
  await assert.rejects(serving({ host: "192.0.2.1", port: 1 }), (error) => isFault(error, "unavailable"));
});

test("a unix socket has mode 0660, takes a stale one's place, respects a live one, and goes at the end", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "berth-http-"));
  t.after(() => rm(directory, { recursive: true }));
  const socket = join(directory, "metrics.sock");
  {
    await using up = await serving({ socket });
    assert.equal(up.at, `unix:${socket}`);
    assert.equal((await stat(socket)).mode & 0o777, 0o660);
    assert.deepEqual(await askSocket(socket), { status: 200, body: "figures\n" });
    await assert.rejects(
      serving({ socket }),
      (error) => isFault(error, "alreadyExists") && error.hint?.includes("metrics.address") === true,
    );
  }
  await assert.rejects(stat(socket), { code: "ENOENT" });
  await writeFile(socket, "not ours");
  await assert.rejects(serving({ socket }), (error) => isFault(error, "invalid"));
});

test("closing ends connections that wait, and those that never asked anything", async () => {
  const up = await serving(anyPort, () => new Promise(() => undefined));
  const port = Number(new URL(up.at).port);
  const idle = connect(port, "127.0.0.1");
  await new Promise((resolve) => idle.once("connect", resolve));
  const ended = new Promise((resolve) => idle.once("close", resolve));
  const asked = nextRequest();
  const waiting = assert.rejects(fetch(`${up.at}/metrics`));
  await asked;
  await up[Symbol.asyncDispose]();
  await Promise.all([ended, waiting]);
});

test("what speaks no HTTP is cut off", async () => {
  await using up = await serving(anyPort);
  const odd = connect(Number(new URL(up.at).port), "127.0.0.1");
  const ended = new Promise((resolve) => odd.once("close", resolve));
  odd.on("error", () => undefined);
  odd.resume();
  odd.write("\0".repeat(20_000));
  await ended;
  assert.equal((await fetch(`${up.at}/metrics`)).status, 200);
});
