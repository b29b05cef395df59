import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import { bind } from "../listen.ts";
import { TtrpcClient } from "../ttrpc/client.ts";
import { serveTtrpcOn, ttrpcService } from "../ttrpc/server.ts";
import { textHandlers, textService } from "../ttrpc/testing/text-service.ts";
import { Multiplexer, nriConnections } from "./multiplexer.ts";

let directory: string;
const open = new AsyncDisposableStack();
const server = createServer();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-nri-"));
  await bind(server, { path: join(directory, "s.sock") }, "listening");
});
after(async () => {
  await open.disposeAsync();
  server.close();
  await rm(directory, { recursive: true });
});

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const here = connect(join(directory, "s.sock"));
  const there = await accepted;
  for (const end of [here, there]) open.defer(() => void end.on("error", () => undefined).destroy());
  return [here, there];
}

const piece = (id: number, payload: Uint8Array) => {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(id, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

test("both sides call each other over one connection, with messages of any size", async () => {
  const [here, there] = await pair();
  const [runtime, plugin] = [new Multiplexer(here), new Multiplexer(there)];
  const stopping = new AbortController();
  const service = ttrpcService(textService, textHandlers);
  serveTtrpcOn(plugin.open(nriConnections.plugin), service, stopping.signal);
  serveTtrpcOn(runtime.open(nriConnections.runtime), service, stopping.signal);
  const toPlugin = new TtrpcClient(runtime.open(nriConnections.plugin)).calls(textService);
  const toRuntime = new TtrpcClient(plugin.open(nriConnections.runtime)).calls(textService);
  const texts = ["", "short", "x".repeat(4086), "y".repeat(4087), "z".repeat(3 << 20)];
  const answers = await Promise.all(
    [toPlugin, toRuntime].flatMap((calls) => texts.map((text) => calls.echo({ text }))),
  );
  assert.deepEqual(
    answers.map(({ text }) => text),
    [...texts, ...texts],
  );
  there.destroy();
  await assert.rejects(toPlugin.echo({ text: "gone" }), (error) => isFault(error, "unavailable"));
  assert.equal((await runtime.closed).kind, "unavailable");
  assert.equal((await plugin.closed).kind, "unavailable");
});

test("a message goes out in at most two pieces, the first of 4096 bytes: upstream's plugins can read no others", async () => {
  const [here, there] = await pair();
  const channel = new Multiplexer(here).open(1);
  const message = Buffer.from("m".repeat(10_000));
  channel.write(message);
  const said: Buffer[] = [];
  for await (const chunk of there) {
    said.push(chunk as Buffer);
    if (Buffer.concat(said).length === message.length + 16) break;
  }
  const expected = [piece(1, message.subarray(0, 4096)), piece(1, message.subarray(4096))];
  assert.deepEqual(Buffer.concat(said), Buffer.concat(expected));
});

test("whatever is cut wherever, each connection gets its own bytes in order, and others get none", async () => {
  const pieces = fc.array(fc.tuple(fc.constantFrom(1, 2, 7), fc.uint8Array({ maxLength: 300 })), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(pieces, fc.array(fc.integer({ min: 1, max: 50 })), async (all, cuts) => {
      const [here, there] = await pair();
      const mux = new Multiplexer(here);
      const reading = [1, 2].map((id) => mux.open(id).toArray());
      const bytes = Buffer.concat(all.map(([id, payload]) => piece(id, payload)));
      let at = 0;
      for (const cut of cuts) {
        there.write(bytes.subarray(at, at + cut));
        at += cut;
      }
      there.end(bytes.subarray(at));
      const read = (await Promise.all(reading)).map((chunks) => Buffer.concat(chunks));
      const expected = [1, 2].map((id) => Buffer.concat(all.filter(([to]) => to === id).map(([, of]) => of)));
      assert.deepEqual(read, expected);
    }),
    { numRuns: 100 },
  );
});

test("whatever the other side says, an open call ends with a Fault and the connection with a reason", async () => {
  const said = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc.uint8Array({ maxLength: 100 }).map((payload) => piece(1, payload)),
    fc.constant(piece(1, Buffer.alloc(0)).fill(255)),
  );
  await fc.assert(
    fc.asyncProperty(said, async (bytes) => {
      const [here, there] = await pair();
      const mux = new Multiplexer(here);
      const calls = new TtrpcClient(mux.open(1)).calls(textService);
      there.resume().end(bytes);
      await assert.rejects(calls.echo({ text: "a" }), (error) => isFault(error));
      assert.ok(isFault(await mux.closed));
    }),
    { numRuns: 200 },
  );
});
