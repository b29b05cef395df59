import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Http2Server, type ServerHttp2Stream, type Settings } from "node:http2";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import { Fault } from "../../base/fault.ts";
import { encodeFrame, encodeSettings, FrameReader, frameTypes } from "./frames.ts";
import { encodeHeaders, HeaderDecoder, type HeaderField } from "./hpack.ts";
import { Http2Session } from "./session.ts";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-http2-"));
  path = join(directory, "s.sock");
});
afterEach(() => rm(directory, { recursive: true }));

interface Answer {
  readonly fields: Map<string, string>;
  readonly data: Buffer;
  readonly reason: Fault | { readonly resetWith: number } | undefined;
}

function ask(
  session: Http2Session,
  to: string,
  body = Buffer.from("x"),
  more: HeaderField[] = [],
): Promise<Answer> {
  const fields = new Map<string, string>();
  const chunks: Buffer[] = [];
  const head: HeaderField[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", to],
    [":authority", "localhost"],
    ...more,
  ];
  return new Promise((resolve) => {
    const request = session.request(head, body, {
      headers: (got) => {
        for (const [name, value] of got) fields.set(name, value);
      },
      data: (chunk) => {
        chunks.push(chunk);
        request.used(chunk.length);
      },
      ended: (reason) => resolve({ fields, data: Buffer.concat(chunks), reason }),
    });
  });
}

/** Node's own HTTP/2 on the other side. */
async function serving(answer: (stream: ServerHttp2Stream, path: string) => void, settings: Settings = {}) {
  const server: Http2Server = createServer({ settings, maxSessionMemory: 100 });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined); // of those that are broken off here
    answer(stream, String(headers[":path"]));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const session = new Http2Session(path);
  return {
    server,
    session,
    [Symbol.asyncDispose]: async () => {
      session.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function echo(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200 });
  stream.pipe(stream);
}

test("header blocks of RFC 7541, appendix C.4 and C.6: coded, and referring to those before", () => {
  const requests = new HeaderDecoder();
  const read = (decoder: HeaderDecoder, hex: string) => decoder.decode(Buffer.from(hex, "hex"));
  const first = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ];
  assert.deepEqual(read(requests, "828684418cf1e3c2e5f23a6ba0ab90f4ff"), first);
  assert.deepEqual(read(requests, "828684be5886a8eb10649cbf"), [...first, ["cache-control", "no-cache"]]);
  assert.deepEqual(read(requests, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf").slice(1), [
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ]);
});

test("any header fields come back from what encodes them, and bytes that are no block are refused", () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (fields) => {
      assert.deepEqual(new HeaderDecoder().decode(encodeHeaders(fields)), fields);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        new HeaderDecoder().decode(bytes);
      } catch (error) {
        assert.ok(error instanceof Fault && error.kind === "corrupt", String(error));
      }
    }),
  );
});

test("frames come whole, however the bytes are cut", () => {
  const frames = [0, 1, 100, 16_384].map((size) =>
    encodeFrame(frameTypes.data, 0, 1, Buffer.alloc(size, size)),
  );
  const bytes = Buffer.concat(frames);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 30 }), (cuts) => {
      const reader = new FrameReader();
      const ends = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
      const sizes = ends.slice(1).flatMap((end, index) => [...reader.push(bytes.subarray(ends[index], end))]);
      assert.deepEqual(
        sizes.map(({ payload }) => payload.length),
        [0, 1, 100, 16_384],
      );
    }),
  );
});

test("every octet that a header may hold is read as Node's HTTP/2 codes it, in one connection's memory", async () => {
  const values = Array.from(
    { length: 256 - 33 },
    (_, code) => `${"a".repeat(60)}${String.fromCharCode(code + 33)}b`,
  );
  const sent = values.filter((value) => !value.includes("\u007f"));
  await using up = await serving((stream, at) => {
    stream.respond({ ":status": 200, "x-value": sent[Number(at.slice(1))] ?? "", "x-same": "always" });
    stream.end();
  });
  for (const [index, value] of sent.entries()) {
    const { fields } = await ask(up.session, `/${index}`);
    assert.equal(fields.get("x-value"), value);
    assert.equal(fields.get("x-same"), "always");
  }
});

test("a body larger than any window, both ways, and headers longer than a frame", async () => {
  await using up = await serving(
    (stream, at) => {
      if (at === "/echo") return echo(stream);
      stream.respond({ ":status": 200, "x-long": "y".repeat(40_000) });
      stream.end();
    },
    { initialWindowSize: 1000 },
  );
  const body = Buffer.alloc(6 << 20, "berth");
  const { data, reason } = await ask(up.session, "/echo", body);
  assert.equal(reason, undefined);
  assert.ok(data.equals(body));
  assert.equal((await ask(up.session, "/long")).fields.get("x-long")?.length, 40_000);
});

test("no more requests at once than the server allows; all get their turn, cancelled ones none", async () => {
  let now = 0;
  let most = 0;
  await using up = await serving(
    (stream) => {
      most = Math.max(most, ++now);
      stream.respond({ ":status": 200 });
      setTimeout(() => {
        now -= 1;
        stream.end();
      }, 5);
    },
    { maxConcurrentStreams: 3 },
  );
  await ask(up.session, "/"); // by now the settings are known
  const asked = Array.from({ length: 20 }, () => ask(up.session, "/"));
  const cancelled = up.session.request([[":method", "POST"]], Buffer.alloc(0), {
    headers: () => assert.fail("it was cancelled"),
    data: () => assert.fail("it was cancelled"),
    ended: () => assert.fail("it was cancelled"),
  });
  cancelled.cancel();
  for (const { fields } of await Promise.all(asked)) assert.equal(fields.get(":status"), "200");
  assert.equal(most, 3);
});

test("a server that leaves answers what it has taken, and takes no more", async () => {
  await using up = await serving((stream) => {
    stream.session?.goaway();
    echo(stream);
  });
  const { data, reason } = await ask(up.session, "/");
  assert.deepEqual([String(data), reason], ["x", undefined]);
  assert.equal(up.session.isOpen, false);
});

test("a request that is broken off, and a connection that is", async () => {
  await using up = await serving((stream, at) => {
    if (at === "/reset") stream.close(11);
    else stream.session?.destroy();
  });
  assert.deepEqual((await ask(up.session, "/reset")).reason, { resetWith: 11 });
  const { reason } = await ask(up.session, "/destroy");
  assert.ok(reason instanceof Fault && reason.kind === "unavailable");
});

test("whatever a server sends, each request ends and nothing is thrown", async () => {
  const hello = encodeSettings([]);
  let reply: Uint8Array = hello;
  const server = createNetServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(reply));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const frame = fc
    .tuple(fc.integer({ min: 0, max: 10 }), fc.nat(255), fc.nat(3), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, stream, payload]) => encodeFrame(type, flags, stream, payload));
  const replies = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.array(frame, { maxLength: 8 }).map((frames) => Buffer.concat([hello, ...frames])),
  );
  await fc.assert(
    fc.asyncProperty(replies, async (bytes) => {
      reply = bytes;
      const session = new Http2Session(path);
      await ask(session, "/");
      session.close();
    }),
  );
  await new Promise((resolve) => server.close(resolve));
});

test("a server of another protocol is told as such", async () => {
  const server = createNetServer((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const { reason } = await ask(new Http2Session(path), "/");
  assert.ok(reason instanceof Fault);
  assert.match(reason.message, /does not speak gRPC/);
  await new Promise((resolve) => server.close(resolve));
});
