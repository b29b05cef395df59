import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import { dataHead, type Frame, FrameReader, goAway, ping, reset, synReply } from "./frames.ts";
import { HeaderWriter } from "./header-block.ts";
import { SpdySession, type SpdyStream } from "./session.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-spdy-"));
const path = join(directory, "socket");
const server = createServer();

before(() => new Promise<void>((resolve) => server.listen(path, resolve)));
after(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

/** All that comes, to its end. Not by iterating, which takes the other direction away, too. */
function all(stream: SpdyStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve) => stream.once("end", () => resolve(Buffer.concat(pieces))));
}

const text = async (stream: SpdyStream) => String(await all(stream));

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  return [connect(path), await accepted];
}

/** A client, and a server whose streams are handed to `onStream`. */
async function sessions(onStream: (stream: SpdyStream) => void, mostStreams = 100) {
  const [near, far] = await pair();
  const client = new SpdySession(near, { side: "client", mostStreams, onStream: () => undefined });
  const other = new SpdySession(far, { side: "server", mostStreams, onStream });
  return { client, other, near, far };
}

describe("a SPDY session", () => {
  test("streams carry data both ways and end by themselves, each direction on its own", async () => {
    const { client, other } = await sessions(async (stream) => {
      const asked = await text(stream); // to the end of what the client has to say
      stream.end(`${stream.headers.get("name")}: ${asked}`);
    });
    const answers = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const stream = client.open({ name: `s${index}` });
        stream.write("hello ");
        stream.end(String(index));
        return text(stream);
      }),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 30 }, (_, index) => `s${index}: hello ${index}`),
    );
    client.close();
    await Promise.all([client.closed, other.closed]);
  });

  test("much data comes whole though its reader is slow, and does not pile up", async () => {
    const size = 8 << 20;
    let received: SpdyStream | undefined;
    const { client, other } = await sessions((stream) => {
      received = stream;
    });
    const stream = client.open({ name: "much" });
    const data = Buffer.alloc(size, "0123456789");
    stream.end(data);
    while (received === undefined || received.readableLength < 1024) await new Promise(setImmediate);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(received.readableLength < 2 << 20, `${received.readableLength} bytes lie unread`);
    assert.ok((await all(received)).equals(data));
    client.destroy();
    await other.closed;
  });

  test("a stream that is destroyed is reset on the other side; the others go on", async () => {
    const streams: SpdyStream[] = [];
    const { client } = await sessions((stream) => streams.push(stream.resume()));
    const [one, two] = [client.open({ name: "one" }), client.open({ name: "two" })];
    while (streams.length < 2) await new Promise(setImmediate);
    one.destroy();
    await new Promise((resolve) => streams[0]?.once("close", resolve));
    streams[1]?.end("still here");
    assert.equal(await text(two), "still here");
    client.destroy();
  });

  test("streams end with the connection, however far their readers are", async () => {
    const streams: SpdyStream[] = [];
    const { client, near, other } = await sessions((stream) => streams.push(stream));
    client.open({ name: "unread" }).write(Buffer.alloc(4 << 20));
    while (streams.length < 1) await new Promise(setImmediate);
    near.destroy();
    await new Promise((resolve) => streams[0]?.once("close", resolve));
    await other.closed;
  });

  test("a client gets all that came before the connection's end, however late it gets to it", async () => {
    const [near, far] = await pair();
    const client = new SpdySession(near, { side: "client", mostStreams: 1, onStream: () => undefined });
    const streams = Array.from({ length: 20 }, (_, index) => client.open({ name: `s${index}` }));
    const said = Promise.all(streams.map(text));
    const headers = new HeaderWriter();
    const answers = streams.map(({ id }) => synReply(id, headers.write({}))); // inflated one after the other
    const words = streams.map(({ id }) => Buffer.concat([dataHead(id, false, 3), Buffer.from("yes")]));
    far.end(Buffer.concat([...answers, ...words, goAway(0)]));
    assert.deepEqual(await said, Array(20).fill("yes"));
    await client.closed;
  });

  test("more streams than are allowed are refused, and can be opened when others have ended", async () => {
    const { client } = await sessions((stream) => stream.resume().end(), 2);
    const held = [client.open({ name: "1" }), client.open({ name: "2" })];
    const third = client.open({ name: "3" });
    await new Promise((resolve) => third.once("close", resolve));
    for (const stream of held) stream.end();
    await Promise.all(held.map((stream) => text(stream)));
    assert.equal(await text(client.open({ name: "4" }).end()), "");
    client.destroy();
  });

  test("a ping is answered with its own number", async () => {
    const [near, far] = await pair();
    new SpdySession(far, { side: "server", mostStreams: 1, onStream: () => undefined });
    near.write(ping(7));
    const answer = await new Promise<Buffer>((resolve) => near.once("data", resolve));
    assert.deepEqual(answer, ping(7));
    near.destroy();
  });

  test("nonsense ends the connection, and nothing else", { timeout: 60_000 }, async () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .record({
          type: fc.integer({ min: 0, max: 12 }),
          flags: fc.integer({ min: 0, max: 255 }),
          body: fc.uint8Array({ maxLength: 80 }),
        })
        .map(({ type, flags, body }) =>
          Buffer.concat([Buffer.from([0x80, 3, 0, type, flags, 0, 0, body.length]), body]),
        ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
        const [near, far] = await pair();
        near.on("error", () => undefined).resume();
        const session = new SpdySession(far, {
          side: "server",
          mostStreams: 4,
          onStream: (stream) => stream.resume(),
        });
        for (const bytes of frames) near.write(bytes);
        near.end();
        await session.closed;
      }),
      { numRuns: 300 },
    );
  });
});

describe("the frame reader", () => {
  test("reads the same however the bytes are cut", () => {
    const bytes = Buffer.concat([ping(1), reset(3, 5), ping(9)]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 6 }), (cuts) => {
        const reader = new FrameReader(1000);
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const frames: Frame[] = [];
        for (let index = 1; index < edges.length; index++) {
          frames.push(...reader.read(bytes.subarray(edges[index - 1], edges[index])));
        }
        assert.deepEqual(
          frames.map(({ kind }) => kind),
          ["ping", "reset", "ping"],
        );
      }),
    );
  });

  test("refuses a frame that is too long before it has come", () => {
    const head = Buffer.from([0, 0, 0, 1, 0, 1, 0, 0]);
    assert.throws(
      () => [...new FrameReader(1000).read(head)],
      (error) => isFault(error, "invalid"),
    );
  });
});
