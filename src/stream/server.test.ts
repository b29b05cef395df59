import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { isFault } from "../base/fault.ts";
import { serving } from "./testing/serving.ts";

const patient = { timeout: 30_000 };

/** Asks for SPDY, and what is answered first. */
async function upgrade(url: string): Promise<{ socket: Socket; answer: string }> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ""));
  socket.on("error", () => undefined);
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n` +
      "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
  );
  const [data] = await once(socket, "data");
  return { socket, answer: String(data) };
}

test("URLs lead to the address that is set, by IPv6 too; one that stands for all is given out as loopback", async () => {
  const given = {
    "127.0.0.1:0": "127.0.0.1",
    "[::1]:0": "[::1]",
    "0.0.0.0:0": "127.0.0.1",
    "[::]:0": "[::1]",
  };
  for (const [address, host] of Object.entries(given)) {
    await using up = await serving({ address });
    const url = up.execUrl(["true"], { stdout: true });
    assert.equal(new URL(url).hostname, host);
    const { socket, answer } = await upgrade(url);
    assert.match(answer, /^HTTP\/1\.1 101 /);
    socket.destroy();
  }
});

test("an address that can't be had says so", async () => {
  await assert.rejects(
    serving({ address: "192.0.2.1:0" }),
    (error) => isFault(error, "unavailable") && /192\.0\.2\.1:0/.test(error.message),
  );
});

test("no more URLs wait than may, and no more streams are open: both are refused with their limit", async () => {
  await using up = await serving({ maxPending: 2, maxStreams: 2 });
  const ask = () => up.execUrl(["cat"], { stdin: true, stdout: true });
  const refused = (limit: RegExp) => (error: unknown) =>
    isFault(error, "exhausted") && limit.test(error.message);
  const urls = [ask(), ask()];
  assert.throws(ask, refused(/^2 streams were asked for/));
  const open = await Promise.all(urls.map(upgrade));
  assert.throws(ask, refused(/^2 streams are open/));
  open[0]?.socket.destroy();
  while (true) {
    try {
      urls.push(ask(), ask());
      break;
    } catch {
      await new Promise(setImmediate); // until its end has been seen
    }
  }
  open.push(await upgrade(urls[2] ?? ""));
  const late = await upgrade(urls[3] ?? "");
  assert.match(late.answer, /^HTTP\/1\.1 503 .*2 streams are open/s);
  for (const { socket } of open) socket.destroy();
});

test("a URL is good once", async () => {
  await using up = await serving();
  const url = up.execUrl(["true"], { stdout: true });
  const first = await upgrade(url);
  assert.match(first.answer, /^HTTP\/1\.1 101 /);
  assert.match((await upgrade(url)).answer, /^HTTP\/1\.1 404 .*used already/s);
  first.socket.destroy();
});

/** The servers' ends of the connections that are made from now on in this process. */
function serversEnds(t: TestContext): Socket[] {
  const channel = "net.server.socket";
  const ends: Socket[] = [];
  const onConnection = (message: unknown) => void ends.push((message as { socket: Socket }).socket);
  subscribe(channel, onConnection);
  t.after(() => unsubscribe(channel, onConnection));
  return ends;
}

test("a connection on which nothing comes or goes is ended, and its command with it", patient, async (t) => {
  const idleTimeout = 3_600_000;
  await using up = await serving({ idleTimeout });
  const ends = serversEnds(t);
  // Not before all has been set up: that may take longer than any idle time that a test could wait for.
  const idles = (end: Socket | undefined) => {
    assert.equal(end?.timeout, idleTimeout);
    end.setTimeout(1);
  };
  const client = new WebSocket(up.execUrl(["sleep", "1000"], { stdout: true }), ["v4.channel.k8s.io"]);
  await once(client, "message"); // the first, empty one
  while (up.running() === 0) await new Promise(setImmediate);
  idles(ends[0]);
  await once(client, "close");
  const { socket } = await upgrade(up.forwardUrl(1));
  idles(ends[1]);
  await once(socket.resume(), "close");
  while (up.running() > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("a client that opens no streams is sent away", patient, async () => {
  await using up = await serving({ creationTimeout: 200 });
  const { socket } = await upgrade(up.execUrl(["sleep", "1000"], { stdout: true }));
  await once(socket.resume(), "close");
  assert.equal(up.running(), 0, "nothing was started");
});

test("who asks for no upgrade is told what is spoken here", async () => {
  await using up = await serving();
  const answer = await fetch(up.execUrl(["true"], { stdout: true }));
  assert.deepEqual(
    [answer.status, await answer.text()],
    [400, "this address speaks SPDY/3.1 and WebSocket alone\n"],
  );
});
