import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { connect as connectTo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Fault, isFault } from "../../base/fault.ts";
import { RuntimeServiceService } from "../gen/runtime.v1.ts";
import { connect } from "../grpc/client.ts";
import type { Handlers } from "../grpc/method.ts";
import { createGrpcServer } from "../grpc/server.ts";
import { serveSharedSocket } from "./shared-socket.ts";

let directory: string;
let socket: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-shared-"));
  socket = join(directory, "crio.sock");
});
afterEach(() => rm(directory, { recursive: true }));

/** A gRPC service and documents on one socket. */
async function serving() {
  const api = createGrpcServer({ socket: join(directory, "own.sock"), group: "", maxMessage: 1 << 20 });
  const version = async (asked: { version: string }) => ({
    version: asked.version,
    runtimeName: "r",
    runtimeVersion: "1",
    runtimeApiVersion: "v1",
  });
  const missing = () => Promise.reject(new Fault("unimplemented", "not here"));
  const names = Object.keys(RuntimeServiceService);
  const handlers = Object.fromEntries(names.map((name) => [name, name === "version" ? version : missing]));
  api.add(RuntimeServiceService, handlers as unknown as Handlers<typeof RuntimeServiceService>, {
    succeeded: () => undefined,
    failed: (_call, error) => ({ code: 13, message: String(error) }),
  });
  await api.listen();
  const shared = await serveSharedSocket({
    socket,
    setting: "kubelet.crioSocket",
    group: "",
    http2: (connection) => api.adopt(connection),
    document(path) {
      if (path === "/broken") throw new Error("no luck");
      return path === "/info" ? { storage_driver: "overlay" } : undefined;
    },
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await shared[Symbol.asyncDispose]();
      await api.stop(200);
    },
  };
}

function ask(path: string, method = "GET"): Promise<{ code: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath: socket, path, method }, async (response) => {
      const body = Buffer.concat(await response.toArray()).toString();
      resolve({ code: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", body });
    })
      .on("error", reject)
      .end();
  });
}

test("calls and documents go over one socket of mode 0660, at the same time", async () => {
  await using _up = await serving();
  assert.equal((await stat(socket)).mode & 0o777, 0o660);
  const connection = connect(socket);
  const calls = connection.calls(RuntimeServiceService);
  for (let round = 0; round < 3; round++) {
    const [called, found, missing] = await Promise.all([
      calls.version({ version: `v${round}` }),
      ask("/info?any=thing"),
      ask("/containers/x"),
    ]);
    assert.equal(called.version, `v${round}`);
    assert.deepEqual(found, { code: 200, type: "application/json", body: '{"storage_driver":"overlay"}' });
    assert.equal(missing.code, 404);
  }
  connection.close();
  assert.deepEqual(await ask("/info", "HEAD"), { code: 200, type: "application/json", body: "" });
  assert.equal((await ask("/info", "DELETE")).code, 405);
  const broken = await ask("/broken");
  assert.deepEqual([broken.code, broken.body], [500, "/broken: no luck\n"]);
});

test("who says half a preface, nonsense or nothing hurts nobody, and all end with the server", async () => {
  const up = await serving();
  const silent = connectTo(socket);
  for (const said of [
    "",
    "P",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame",
    "\0\0\0",
    "GET",
  ]) {
    const client = connectTo(socket);
    client.on("error", () => undefined);
    await once(client, "connect");
    client.end(said);
    client.resume();
    if (said !== "P" && said !== "GET") await once(client, "close");
  }
  assert.equal((await ask("/info")).code, 200);
  const ended = once(silent, "close");
  await up[Symbol.asyncDispose]();
  await ended;
  assert.ok(!existsSync(socket));
});

test("a socket where another server answers is left alone", async () => {
  await using _up = await serving();
  const other = serveSharedSocket({
    socket,
    setting: "kubelet.crioSocket",
    group: "",
    http2: () => undefined,
    document: () => undefined,
  });
  await assert.rejects(other, (error) => {
    assert.ok(isFault(error, "alreadyExists"));
    assert.match(error.hint ?? "", /kubelet\.crioSocket/);
    return true;
  });
  assert.equal((await ask("/info")).code, 200);
});
