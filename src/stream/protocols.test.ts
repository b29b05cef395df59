import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { deflateSync } from "node:zlib";
import { createWebSocketStream, WebSocket } from "ws";
import { headerDictionary } from "../wire/spdy/dictionary.ts";
import { synStream } from "../wire/spdy/frames.ts";
import { SpdySession, type SpdyStream } from "../wire/spdy/session.ts";
import { type Serving, serving } from "./testing/serving.ts";
import { ChannelClient } from "./testing/web-socket-client.ts";

const patient = { timeout: 30_000 };
const all = { stdin: true, stdout: true, stderr: true };
const script = "cat; echo err >&2; exit 3";

/** That of a service which nobody has any more. One that is free at the moment may be anybody's at the next. */
const closedPort = 1;

let up: Serving;
/** Answers each connection with what it was sent, once that has ended. */
let echo: Server;
let echoPort: number;

before(async () => {
  up = await serving();
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    let text = "echo ";
    socket.on("data", (data) => (text += data)).on("end", () => socket.end(text));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const address = echo.address();
  echoPort = typeof address === "object" ? (address?.port ?? 0) : 0;
});

after(async () => {
  echo.close();
  await up[Symbol.asyncDispose]();
});

const status = (client: ChannelClient) => JSON.parse(client.on(3).toString());

describe("commands over WebSocket", patient, () => {
  test("v5: input ends by a close message, and what is written after it comes whole", async () => {
    const client = new ChannelClient(up.execUrl(["sh", "-c", script], all), "v5.channel.k8s.io");
    await once(client.socket, "open");
    assert.equal(client.socket.protocol, "v5.channel.k8s.io");
    client.send(0, "one ");
    client.send(0, "two\n");
    client.send(255, Buffer.from([0]));
    assert.equal(await client.closed(), 1000);
    assert.deepEqual([String(client.on(1)), String(client.on(2))], ["one two\n", "err\n"]);
    assert.equal(status(client).details.causes[0].message, "3");
  });

  for (const protocol of ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"]) {
    test(`${protocol}: the exit code comes as a status`, async () => {
      const url = up.execUrl(["sh", "-c", "read line; echo got $line; exit 3"], all);
      const client = new ChannelClient(url, protocol);
      await once(client.socket, "open");
      assert.equal(client.socket.protocol, protocol);
      client.send(0, "hello\n");
      assert.equal(await client.closed(), 1000);
      assert.equal(String(client.on(1)), "got hello\n");
      assert.deepEqual(
        [status(client).reason, status(client).details.causes[0].message],
        ["NonZeroExitCode", "3"],
      );
    });
  }

  for (const protocol of ["base64.channel.k8s.io", "channel.k8s.io", ""]) {
    test(`${protocol || "no protocol"}: what went wrong comes in words`, async () => {
      const client = new ChannelClient(
        up.execUrl(["sh", "-c", "read line; echo got $line; exit 3"], all),
        protocol,
      );
      await once(client.socket, "open");
      assert.equal(client.socket.protocol, protocol);
      client.send(0, "hello\n");
      await client.closed();
      assert.equal(String(client.on(1)), "got hello\n");
      assert.equal(String(client.on(3)), "command terminated with non-zero exit code: 3");
    });
  }

  test("a command that a signal ends has its code, as a shell tells it", async () => {
    const client = new ChannelClient(up.execUrl(["sh", "-c", "kill -TERM $$"], all), "v4.channel.k8s.io");
    await client.closed();
    assert.equal(status(client).details.causes[0].message, "143");
  });

  test("a protocol that is not known is refused, and those that are known are named", async () => {
    const client = new WebSocket(up.execUrl(["true"], all), ["v9.channel.k8s.io"]);
    const [, response] = await once(client, "unexpected-response");
    assert.equal(response.statusCode, 403);
    assert.match(Buffer.concat(await response.toArray()).toString(), /v5\.channel\.k8s\.io, v4\.channel/);
  });

  test("what is no WebSocket frame ends the connection, and nothing else", async () => {
    const client = new ChannelClient(up.execUrl(["sleep", "1000"], all), "v4.channel.k8s.io");
    await once(client.socket, "open");
    while (up.running() === 0) await new Promise(setImmediate);
    const raw = (client.socket as unknown as { _socket: NodeJS.WritableStream })._socket;
    raw.write(Buffer.alloc(64, 0xff));
    client.socket.on("error", () => undefined);
    await client.closed();
    while (up.running() > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

describe("ports over WebSocket", patient, () => {
  for (const protocol of ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"]) {
    test(`${protocol}: two channels for each port that was named, the port first`, async () => {
      const client = new ChannelClient(up.forwardUrl(echoPort, closedPort), protocol);
      await once(client.socket, "open");
      const number = Buffer.alloc(2);
      for (const [channel, port] of [
        [0, echoPort],
        [1, echoPort],
        [2, closedPort],
        [3, closedPort],
      ] as const) {
        number.writeUInt16LE(port);
        await client.until(channel, (data) => data.subarray(0, 2).equals(number));
      }
      await client.until(3, (data) =>
        new RegExp(`forwarding port ${closedPort}: .*ECONNREFUSED`).test(String(data)),
      );
      client.send(0, "hello");
      client.socket.close(); // this protocol has no other end
      await client.closed();
    });
  }

  test("answers of a port that ends come whole, then the connection ends", async () => {
    const greeter = createServer((socket) => socket.end("x".repeat(1_000_000)));
    await new Promise<void>((resolve) => greeter.listen(0, "127.0.0.1", resolve));
    const address = greeter.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const client = new ChannelClient(up.forwardUrl(port), "v4.channel.k8s.io");
    await client.until(0, (data) => data.length === 2 + 1_000_000);
    assert.ok(client.on(0).subarray(2).equals(Buffer.alloc(1_000_000, "x")));
    client.socket.close();
    await client.closed();
    greeter.close();
  });

  test("v2.portforward.k8s.io: SPDY in binary messages, many connections in one", async () => {
    const client = new WebSocket(up.forwardUrl(), ["v2.portforward.k8s.io"]);
    await once(client, "open");
    const session = clientOn(createWebSocketStream(client));
    const words = Array.from({ length: 50 }, (_, index) => `hello ${index}`);
    const answers = await Promise.all(words.map((word, index) => forwarded(session, String(index), word)));
    assert.deepEqual(
      answers,
      words.map((word) => `echo ${word}`),
    );
    session.destroy();
  });

  test("SPDY/3.1+portforward.k8s.io is agreed on, though its name is no token for its slash", async () => {
    const protocol = "SPDY/3.1+portforward.k8s.io";
    const { answer, socket } = await upgraded(up.forwardUrl(), [
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Sec-WebSocket-Protocol: ${protocol}`,
    ]);
    assert.match(answer, /^HTTP\/1\.1 101 .*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s);
    assert.ok(answer.includes(`Sec-WebSocket-Protocol: ${protocol}\r\n`), answer);
    socket.destroy();
  });
});

describe("SPDY", patient, () => {
  for (const protocol of ["v4", "v3", "v2"].map((version) => `${version}.channel.k8s.io`)) {
    test(`${protocol}: each stream by itself, input to its end`, async () => {
      const { session, agreed } = await spdy(up.execUrl(["sh", "-c", script], all), [protocol]);
      assert.equal(agreed, protocol);
      const [error, stdin, stdout, stderr] = ["error", "stdin", "stdout", "stderr"].map((streamType) =>
        session.open({ streamType }),
      );
      stdin?.end("one two");
      const [said, out, err] = await Promise.all([error, stdout, stderr].map(textOf));
      assert.deepEqual([out, err], ["one two", "err\n"]);
      if (protocol.startsWith("v4")) assert.equal(JSON.parse(said ?? "").details.causes[0].message, "3");
      else assert.equal(said, "command terminated with non-zero exit code: 3");
      await session.closed;
    });
  }

  test("channel.k8s.io is that of a client that names none; nothing is told of what went well", async () => {
    const { session, agreed } = await spdy(up.execUrl(["echo", "hello"], { stdout: true }), []);
    assert.equal(agreed, "channel.k8s.io");
    const [error, stdout] = ["error", "stdout"].map((streamType) => session.open({ streamType }));
    assert.deepEqual(await Promise.all([error, stdout].map(textOf)), ["", "hello\n"]);
  });

  test("of the protocols that are offered, the best is taken; unknown ones are refused", async () => {
    const best = await spdy(up.execUrl(["true"], all), [
      "v2.channel.k8s.io",
      "v9.channel.k8s.io, v4.channel.k8s.io",
    ]);
    assert.equal(best.agreed, "v4.channel.k8s.io");
    best.session.destroy();
    const { answer, socket } = await upgraded(up.execUrl(["true"], all), [
      "Upgrade: SPDY/3.1",
      "X-Stream-Protocol-Version: v9.channel.k8s.io",
    ]);
    assert.match(answer, /^HTTP\/1\.1 403 .*X-Accepted-Stream-Protocol-Versions: v4\.channel\.k8s\.io\r\n/s);
    socket.destroy();
  });

  test("portforward.k8s.io: many connections in one; what is wrong with one is told to it alone", async () => {
    const { session, agreed } = await spdy(up.forwardUrl(), ["portforward.k8s.io"]);
    assert.equal(agreed, "portforward.k8s.io");
    const refused = assert.rejects(
      forwarded(session, "refused", "hello", closedPort),
      new RegExp(`forwarding port ${closedPort}: .*ECONNREFUSED`),
    );
    const answers = Array.from({ length: 100 }, (_, index) =>
      forwarded(session, String(index), `hello ${index}`),
    );
    assert.deepEqual(
      await Promise.all(answers),
      answers.map((_, index) => `echo hello ${index}`),
    );
    await refused;
    session.destroy();
  });

  test("header blocks that inflate to too much end the connection before they fill memory", async () => {
    const { socket } = await upgraded(up.forwardUrl(), ["Upgrade: SPDY/3.1"]);
    const bomb = deflateSync(Buffer.alloc(64 << 20), { dictionary: headerDictionary, level: 9 });
    const before = process.memoryUsage().rss;
    socket.write(synStream(1, bomb));
    await once(socket.resume(), "close");
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 32 << 20, `${bomb.length} bytes made ${grown}`);
  });
});

/** Changes a connection as the lines ask for, and hands over all of the answer's head. */
async function upgraded(url: string, lines: readonly string[]): Promise<{ answer: string; socket: Socket }> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n${lines.join("\r\n")}\r\n\r\n`.replace(
      /^POST(?=.*websocket)/s,
      "GET",
    ),
  );
  const [data] = await once(socket, "data");
  return { answer: String(data), socket };
}

async function spdy(
  url: string,
  protocols: readonly string[],
): Promise<{ session: SpdySession; agreed: string | undefined }> {
  const offers = protocols.map((one) => `X-Stream-Protocol-Version: ${one}`);
  const { answer, socket } = await upgraded(url, ["Upgrade: SPDY/3.1", ...offers]);
  return { session: clientOn(socket), agreed: /^X-Stream-Protocol-Version: (.*)\r$/m.exec(answer)?.[1] };
}

function clientOn(socket: Duplex): SpdySession {
  return new SpdySession(socket, { side: "client", mostStreams: 500, onStream: () => undefined });
}

/** What a port answers to `sent`. Rejects with what is told to be wrong. */
async function forwarded(
  session: SpdySession,
  requestid: string,
  sent: string,
  port = echoPort,
): Promise<string> {
  const error = session.open({ streamtype: "error", port: String(port), requestid });
  const data = session.open({ streamtype: "data", port: String(port), requestid });
  error.end();
  data.end(sent);
  const [problem, answer] = await Promise.all([error, data].map(textOf));
  if (problem !== "") throw new Error(problem);
  return answer ?? "";
}

/** To its end, or to that of the whole stream. */
async function textOf(stream: SpdyStream | undefined): Promise<string> {
  let text = "";
  stream?.on("data", (data: Buffer) => {
    text += data;
  });
  await new Promise<void>((resolve) => stream?.once("end", resolve).once("close", resolve));
  return text;
}
