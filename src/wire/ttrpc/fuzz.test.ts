import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import { Request, Response } from "../gen/ttrpc.ts";
import { bind } from "../listen.ts";
import { TtrpcClient } from "./client.ts";
import { encodeFrame, type Frame, FrameReader } from "./frames.ts";
import { serveTtrpc, ttrpcService } from "./server.ts";
import { textHandlers, textService } from "./testing/text-service.ts";

const frame: fc.Arbitrary<Frame> = fc.record(
  {
    stream: fc.oneof(fc.constantFrom(1, 3, 5), fc.nat(0xffff_ffff)),
    type: fc.oneof(fc.constantFrom(1, 2, 3), fc.nat(255)),
    flags: fc.oneof(fc.constantFrom(0, 1, 2, 5), fc.nat(255)),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(...Object.keys(textService)).map((name) => request(name)),
      fc.string().map((text) => response(text)),
    ),
  },
  { noNullPrototype: true },
);

function request(name: string): Buffer {
  const asked = { service: "berth.Texts", method: name, payload: Buffer.from("3"), timeoutNano: 1n << 40n };
  return Buffer.from(Request.encode({ ...asked, metadata: [] }).finish());
}

function response(text: string): Buffer {
  return Buffer.from(Response.encode({ status: undefined, payload: Buffer.from(text) }).finish());
}

/** What a peer may say: whole frames, frames with bytes changed or cut off, anything at all. */
const said = fc.oneof(
  fc.array(frame, { maxLength: 8 }).map((frames) => Buffer.concat(frames.map(encodeFrame))),
  fc
    .tuple(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(), fc.nat(255))
    .map(([frames, cut, at, byte]) => {
      const bytes = Buffer.concat(frames.map(encodeFrame));
      bytes[at % bytes.length] = byte;
      return bytes.subarray(0, cut % bytes.length);
    }),
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
);

test("frames come out as they went in, however they are cut", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(encodeFrame));
        const reader = new FrameReader();
        const read: Frame[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          read.push(...reader.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        assert.deepEqual(read, frames);
        assert.equal(reader.isCutOff, false);
      },
    ),
  );
});

test("whatever a server says, each call ends, with an answer or a Fault", async () => {
  await using place = await openPlace((connection, bytes) => {
    connection.once("data", () => connection.end(bytes));
  });
  await fc.assert(
    fc.asyncProperty(said, async (bytes) => {
      place.say(bytes);
      using client = await TtrpcClient.connect(place.socket, AbortSignal.timeout(10_000));
      const calls = client.calls(textService);
      const ended = await Promise.allSettled([calls.echo({ text: "a" }), drain(calls.count({ text: "2" }))]);
      for (const end of ended)
        if (end.status === "rejected") assert.ok(isFault(end.reason), String(end.reason));
    }),
    { numRuns: 300 },
  );
});

test("whatever a client says, the server serves on", async () => {
  const stopping = new AbortController();
  await using place = await openPlace();
  serveTtrpc(place.server, ttrpcService(textService, textHandlers), stopping.signal);
  using other = await TtrpcClient.connect(place.socket, AbortSignal.timeout(10_000));
  const calls = other.calls(textService);
  await fc.assert(
    fc.asyncProperty(said, async (bytes) => {
      const connection = connect(place.socket);
      const closed = new Promise((resolve) => connection.once("close", resolve));
      connection.on("error", () => undefined).resume();
      connection.end(bytes);
      await closed;
      assert.equal((await calls.echo({ text: "on" })).text, "on");
    }),
    { numRuns: 300 },
  );
  stopping.abort();
});

async function drain(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

/** A socket with a server; its connections are given to `accept` with what is to be said. */
async function openPlace(accept: (connection: Socket, bytes: Buffer) => void = () => undefined) {
  const directory = await mkdtemp(join(tmpdir(), "berth-ttrpc-"));
  const socket = join(directory, "s.sock");
  let next: Buffer = Buffer.alloc(0);
  const server = createServer((connection) => {
    connection.on("error", () => undefined);
    accept(connection, next);
  });
  await bind(server, { path: socket }, "listening");
  return {
    socket,
    server,
    say: (bytes: Buffer) => {
      next = bytes;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      await rm(directory, { recursive: true });
    },
  };
}
