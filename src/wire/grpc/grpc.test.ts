import assert from "node:assert/strict";
import { mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { Fault, isFault } from "../../base/fault.ts";
import {
  Container,
  ContainerEventResponse,
  ListContainersResponse,
  RuntimeServiceService,
} from "../gen/runtime.v1.ts";
import { connect } from "./client.ts";
import { Encoded, encodedOnce } from "./encoded.ts";
import type { CallEdge, EndedCall } from "./handle-call.ts";
import type { Handlers } from "./method.ts";
import { createGrpcServer } from "./server.ts";

type Runtime = Handlers<typeof RuntimeServiceService>;

let directory: string;
let socket: string;
let calls: (EndedCall & { error?: unknown })[];

const edge: CallEdge = {
  succeeded: (call) => void calls.push(call),
  failed: (call, error) => {
    calls.push({ ...call, error });
    return {
      code: isFault(error, "unavailable") ? status.UNAVAILABLE : status.FAILED_PRECONDITION,
      message: error instanceof Error ? error.message : String(error),
    };
  },
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-grpc-"));
  socket = join(directory, "s.sock");
  calls = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function serving(handlers: Partial<Runtime>, maxMessage = 16 << 20, path = socket) {
  const server = createGrpcServer({ socket: path, group: "", maxMessage });
  const missing = () => Promise.reject(new Fault("unimplemented", "not here"));
  const all = Object.fromEntries(
    Object.keys(RuntimeServiceService).map((name) => [name, handlers[name as keyof Runtime] ?? missing]),
  );
  server.add(RuntimeServiceService, all as unknown as Runtime, edge);
  await server.listen();
  const connection = connect(path);
  return {
    server,
    runtime: connection.calls(RuntimeServiceService),
    [Symbol.asyncDispose]: async () => {
      connection.close();
      await server.stop(200);
    },
  };
}

function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

test("a call goes over a socket of mode 0660 and is told at the edge", async () => {
  await using up = await serving({
    version: async ({ version }) => ({
      version,
      runtimeName: "r",
      runtimeVersion: "1",
      runtimeApiVersion: "v1",
    }),
  });
  assert.equal((await stat(socket)).mode & 0o777, 0o660);
  assert.deepEqual(await up.runtime.version({ version: "0.1.0" }), {
    version: "0.1.0",
    runtimeName: "r",
    runtimeVersion: "1",
    runtimeApiVersion: "v1",
  });
  assert.equal(calls[0]?.rpc, "Version");
  assert.equal(calls[0]?.abandoned, false);
});

test("what the edge says reaches the client, whatever characters it holds", async () => {
  const message = `100% ünwell \ud800 ${"x".repeat(20_000)}`;
  await using up = await serving({ version: () => Promise.reject(new Error(message)) });
  await assert.rejects(
    async () => await up.runtime.version({}),
    (error) => isFault(error, "wrongState") && error.message.startsWith("100% ünwell \ufffd x"),
  );
});

test("a server that can't reach another is not taken for one that is away", async () => {
  const message = "the registry: connect ECONNREFUSED 127.0.0.1:1";
  const up = await serving({ version: () => Promise.reject(new Fault("unavailable", message)) });
  await assert.rejects(
    async () => await up.runtime.version({}),
    (error) => isFault(error, "unavailable") && error.message === message,
  );
  await up[Symbol.asyncDispose]();
  const connection = connect(socket);
  await assert.rejects(
    async () => await connection.calls(RuntimeServiceService).version({}),
    (error) => isFault(error, "unavailable") && error.message.startsWith("nobody answers at"),
  );
  connection.close();
});

test("a server that speaks HTTP/2 and no gRPC is told as such, and so is an answer that is no message", async () => {
  const server = createHttp2Server();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    if (headers[":path"] === "/runtime.v1.RuntimeService/Version")
      stream.respond({ ":status": 404 }, { endStream: true });
    else {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0xff]));
    }
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const connection = connect(socket);
  const runtime = connection.calls(RuntimeServiceService);
  await assert.rejects(
    async () => await runtime.version({}),
    (error) => isFault(error, "unimplemented") && error.message === "answered with HTTP status 404",
  );
  await assert.rejects(
    async () => await runtime.listContainers({}),
    (error) => isFault(error, "internal") && error.message.startsWith("reading the answer to /runtime.v1"),
  );
  connection.close();
  await assert.rejects(
    async () => await runtime.version({}),
    (error) => isFault(error, "cancelled"),
  );
  await new Promise((resolve) => server.close(resolve));
});

test("bytes that are no message are told as invalid", async () => {
  await using up = await serving({ version: () => assert.fail("not reached") });
  const bad = { ...RuntimeServiceService.version, requestSerialize: () => Buffer.from([0x0a, 0xff]) };
  const connection = connect(socket);
  await assert.rejects(async () => await connection.calls({ version: bad }).version({}));
  connection.close();
  assert.ok(isFault(calls[0]?.error, "invalid"));
  void up;
});

test("a caller's cancellation and deadline abort the signal", async () => {
  const reasons: unknown[] = [];
  await using up = await serving({
    version: async (_request, signal) => {
      await until(signal);
      reasons.push(signal.reason);
      throw signal.reason;
    },
  });
  await assert.rejects(
    async () => await up.runtime.version({}, { timeout: 50 }),
    (e) => isFault(e, "deadline"),
  );
  await assert.rejects(
    async () => await up.runtime.version({}, { signal: AbortSignal.timeout(50) }),
    (e) => isFault(e, "cancelled"),
  );
  // One that only announces its deadline, and stays
  const patient = connect(socket, { metadata: { "grpc-timeout": "50m" } });
  await assert.rejects(
    async () => await patient.calls(RuntimeServiceService).version({}),
    (e) => isFault(e, "deadline"),
  );
  patient.close();
  while (reasons.length < 3) await sleep(5);
  assert.deepEqual(
    reasons.map((reason) => isFault(reason) && reason.kind),
    ["deadline", "cancelled", "deadline"],
  );
  assert.deepEqual(
    calls.map((call) => call.abandoned),
    [true, true, true],
  );
});

test("messages up to the limit pass, larger ones do not", async () => {
  const containers = [Container.create({ id: "x".repeat(15 << 20) })];
  await using up = await serving({ listContainers: async () => ({ containers }) });
  assert.equal((await up.runtime.listContainers({})).containers[0]?.id.length, 15 << 20);
  containers.push(...containers);
  await assert.rejects(
    async () => await up.runtime.listContainers({}),
    (e) => isFault(e, "exhausted"),
  );
});

test("a stream is pulled no faster than it is read, and ends with its reader", async () => {
  let made = 0;
  let ended = false;
  const block = Container.create({ id: "x".repeat(256 << 10) });
  await using up = await serving({
    streamContainers: async function* () {
      try {
        for (; made < 10_000; made++) yield { containers: [block] };
      } finally {
        ended = true;
      }
    },
  });
  const stream = up.runtime.streamContainers({})[Symbol.asyncIterator]();
  await stream.next();
  await sleep(200);
  assert.ok(made < 200, `${made} messages were made for a reader of one`);
  await stream.return?.();
  while (!ended) await sleep(5);
  assert.equal(calls[0]?.abandoned, true);
});

test("a stream that fails gives what it had and then its error", async () => {
  await using up = await serving({
    streamContainers: async function* () {
      yield { containers: [] };
      throw new Error("enough");
    },
  });
  let seen = 0;
  await assert.rejects(
    async () => {
      for await (const _ of up.runtime.streamContainers({})) seen++;
    },
    (e) => isFault(e, "wrongState") && e.message === "enough",
  );
  assert.equal(seen, 1);
});

test("stopping ends streams, lets calls finish and takes the socket away", async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  await using up = await serving({
    version: async ({ version }) => {
      begun.resolve();
      await finish.promise;
      return { version, runtimeName: "", runtimeVersion: "", runtimeApiVersion: "" };
    },
    getContainerEvents: async function* (_request, signal) {
      yield ContainerEventResponse.create({ containerId: "first" });
      await until(signal);
    },
  });
  const events = up.runtime.getContainerEvents({})[Symbol.asyncIterator]();
  assert.equal((await events.next()).value.containerId, "first");
  const version = up.runtime.version({ version: "last" });
  await begun.promise;
  const stopped = up.server.stop(5_000);
  assert.deepEqual(await events.next(), { done: true, value: undefined });
  finish.resolve();
  assert.equal((await version).version, "last");
  await stopped;
  await assert.rejects(
    async () => await up.runtime.version({}),
    (e) => isFault(e, "unavailable"),
  );
});

test("a socket that answers is respected, a stale one taken over, another file never", async () => {
  await using first = await serving({});
  await assert.rejects(
    () => serving({}),
    (e) => isFault(e, "alreadyExists"),
  );
  void first;
  const stale = join(directory, "stale.sock");
  const listener = createServer().listen(stale);
  await new Promise((resolve) => listener.once("listening", resolve));
  await rename(stale, `${stale}.kept`);
  await new Promise((resolve) => listener.close(resolve));
  await rename(`${stale}.kept`, stale);
  await using second = await serving({}, 1 << 20, stale);
  void second;
  const file = join(directory, "file");
  await writeFile(file, "");
  await assert.rejects(
    () => serving({}, 1 << 20, file),
    (e) => isFault(e, "invalid"),
  );
});

test("an answer may be put together from bytes, encoded once an item", async () => {
  let encodings = 0;
  const answerWith = encodedOnce(({ id }: { id: string }) => {
    encodings += 1;
    return ListContainersResponse.encode({ containers: [Container.create({ id })] }).finish();
  });
  const items = [{ id: "one" }, { id: "two" }];
  await using up = await serving({
    listContainers: async () => new Encoded(items.map(answerWith)),
    async *streamContainers() {
      for (const item of items) yield new Encoded([answerWith(item)]);
      yield { containers: [Container.create({ id: "plain" })] };
    },
  });
  const { containers } = await up.runtime.listContainers({});
  assert.deepEqual(
    containers.map(({ id }) => id),
    ["one", "two"],
  );
  const streamed: string[] = [];
  for await (const page of up.runtime.streamContainers({}))
    streamed.push(...page.containers.map(({ id }) => id));
  assert.deepEqual(streamed, ["one", "two", "plain"]);
  assert.equal(encodings, 2);
});
