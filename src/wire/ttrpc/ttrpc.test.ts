import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Fault, type FaultKind, isFault } from "../../base/fault.ts";
import { bind } from "../listen.ts";
import { TtrpcClient } from "./client.ts";
import { encodeFrame, frameTypes, maxFrameData } from "./frames.ts";
import type { IncomingCall } from "./method.ts";
import { serveTtrpc, ttrpcService } from "./server.ts";
import { type Texts, textHandlers, textService } from "./testing/text-service.ts";

let directory: string;
let socket: string;
let open: AsyncDisposableStack;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-ttrpc-"));
  socket = join(directory, "s.sock");
  open = new AsyncDisposableStack();
});
afterEach(async () => {
  await open.disposeAsync();
  await rm(directory, { recursive: true });
});

const soon = () => AbortSignal.timeout(20_000);
const listen = (accept?: (connection: Socket) => void) => {
  const server = createServer(accept);
  open.defer(() => void server.close());
  return server;
};

async function serving(handlers: Partial<Texts> = {}) {
  const stopping = new AbortController();
  const server = listen();
  serveTtrpc(server, ttrpcService(textService, { ...textHandlers, ...handlers }), stopping.signal);
  await bind(server, { path: socket }, "listening");
  open.defer(() => stopping.abort());
  const client = open.use(await TtrpcClient.connect(socket, soon()));
  return { client, calls: client.calls(textService), stop: () => stopping.abort() };
}

/** A peer that answers each connection with what `say` writes. */
async function peer(say: (connection: Socket) => void) {
  const server = listen((connection) => {
    connection.on("error", () => undefined);
    open.defer(() => void connection.destroy());
    say(connection);
  });
  await bind(server, { path: socket }, "listening");
  const client = open.use(await TtrpcClient.connect(socket, soon()));
  return client.calls(textService);
}

const fails = (call: Promise<unknown>, kind: FaultKind, words: RegExp) =>
  assert.rejects(call, (error) => isFault(error, kind) && words.test(error.message));

async function all(answers: AsyncIterable<{ text: string }>): Promise<string> {
  const texts: string[] = [];
  for await (const { text } of answers) texts.push(text);
  return texts.join(" ");
}

async function* texts(...all: string[]) {
  for (const text of all) yield { text };
}

test("calls of each kind, many at once on one connection", async () => {
  const { calls } = await serving();
  const numbers = Array.from({ length: 300 }, (_, index) => String(index));
  const [echoed, counted, joined, chatted] = await Promise.all([
    Promise.all(numbers.map((text) => calls.echo({ text }))),
    all(calls.count({ text: "300" })),
    calls.join(texts(...numbers)),
    all(calls.chat(texts("to", "and", "fro"))),
  ]);
  assert.deepEqual(
    echoed.map(({ text }) => text),
    numbers,
  );
  assert.equal(counted, numbers.join(" "));
  assert.equal(joined.text, numbers.join(""));
  assert.equal(chatted, "TO AND FRO");
  assert.equal((await calls.echo({})).text, "", "what is left out has its default");
});

test("a failure has its kind and words on the other side", async () => {
  const kinds: FaultKind[] = ["invalid", "notFound", "alreadyExists", "wrongState", "unauthenticated"];
  const more: FaultKind[] = ["forbidden", "exhausted", "unavailable", "deadline", "cancelled", "corrupt"];
  const { calls } = await serving({
    echo: async ({ text }) => {
      throw new Fault(text as FaultKind, "as asked for", { hint: "ask otherwise" });
    },
    async *count() {
      yield { text: "one" };
      throw new Fault("wrongState", "enough");
    },
  });
  for (const kind of [...kinds, ...more, "unimplemented" as const, "internal" as const]) {
    await fails(calls.echo({ text: kind }), kind, /^as asked for \(ask otherwise\)$/);
  }
  await fails(all(calls.count({})), "wrongState", /^enough$/);
  const other = open.use(await TtrpcClient.connect(socket, soon())).calls(textService, "berth.Other");
  await fails(other.echo({}), "unimplemented", /berth\.Other\/echo/);
});

test("a time-out goes with the call, and ends it on both sides; metadata too", async () => {
  const heard = Promise.withResolvers<IncomingCall>();
  const ended = Promise.withResolvers<unknown>();
  const { calls } = await serving({
    echo: async (_, call) => {
      heard.resolve(call);
      await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
      ended.resolve(call.signal.reason);
      throw new Fault("internal", "too late to be told");
    },
  });
  const metadata = { Who: ["one", "two"], ["__proto__"]: ["three"] };
  await fails(calls.echo({}, { timeout: 200, metadata }), "deadline", /200 ms|took too long/);
  assert.deepEqual((await heard.promise).metadata.who, ["one", "two"]);
  assert.equal(((await ended.promise) as Error).name, "TimeoutError");
});

test("a caller that gives up is let go; the connection goes on", async () => {
  const { calls } = await serving({
    echo: async ({ text }, { signal }) => {
      if (text !== "for ever") return { text };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { text };
    },
  });
  const caller = new AbortController();
  const waiting = fails(
    calls.echo({ text: "for ever" }, { signal: caller.signal }),
    "cancelled",
    /cancelled/,
  );
  caller.abort();
  await waiting;
  await fails(calls.echo({}, { signal: AbortSignal.abort() }), "cancelled", /cancelled/);
  for await (const { text } of calls.count({ text: "1000" })) if (text === "3") break;
  assert.equal((await calls.echo({ text: "on" })).text, "on");
});

test("a lost connection fails every open call and every later one", async () => {
  let arrived = 0;
  const both = Promise.withResolvers<void>();
  const never = () => {
    if (++arrived === 2) both.resolve();
    return new Promise<never>(() => undefined);
  };
  const { client, calls, stop } = await serving({
    echo: never,
    async *count() {
      yield await never();
    },
  });
  const failing = [
    fails(calls.echo({}), "unavailable", /closed/),
    fails(all(calls.count({})), "unavailable", /closed/),
  ];
  await both.promise;
  stop();
  await Promise.all(failing);
  assert.equal((await client.closed).kind, "unavailable");
  await fails(calls.echo({}), "unavailable", /closed/);
  await fails(TtrpcClient.connect(join(directory, "none"), soon()), "unavailable", /nobody answers/);
});

test("one that breaks is lost as one that ends, whether the other side read nothing more or is gone", async () => {
  for (const asked of ["before its end", "after it, and before that is noticed"]) {
    const accepted = Promise.withResolvers<Socket>();
    const server = createServer({ pauseOnConnect: true }, accepted.resolve);
    open.defer(() => void server.close());
    await bind(server, { path: socket }, "listening");
    const client = open.use(await TtrpcClient.connect(socket, soon()));
    const call = () => client.calls(textService).echo({});
    const other = await accepted.promise;
    const early = asked.startsWith("before") ? call() : undefined;
    other.destroy();
    await fails(early ?? call(), "unavailable", /broken/);
    assert.equal((await client.closed).kind, "unavailable", asked);
    server.close();
  }
});

test("messages of any size that a frame holds; longer ones are refused on either side, one call each", async () => {
  const { calls } = await serving({
    echo: async ({ text }) => ({ text: text === "much" ? "x".repeat(maxFrameData) : text }),
  });
  const large = "y".repeat(maxFrameData - 100);
  assert.equal((await calls.echo({ text: large })).text, large);
  await fails(calls.echo({ text: "z".repeat(maxFrameData) }), "exhausted", /more than/);
  await fails(calls.echo({ text: "much" }), "exhausted", /more than/);
  assert.equal((await calls.echo({ text: "on" })).text, "on");
});

test("a slow reader holds the server back, and loses nothing", async () => {
  let sent = 0;
  const text = "x".repeat(1 << 20);
  const { calls } = await serving({
    async *count() {
      for (; sent < 64; sent++) yield { text };
    },
  });
  const answers = calls.count({})[Symbol.asyncIterator]();
  assert.equal((await answers.next()).value?.text, text);
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(sent < 32, `${sent} MiB were sent to a reader that reads nothing`);
  let count = 1;
  for (;;) {
    const { done } = await answers.next();
    if (done === true) break;
    count++;
  }
  assert.equal(count, 64);
});

test("a server tells a caller that breaks the protocol, and serves on", async () => {
  const { calls } = await serving();
  const answersTo = async (...frames: Buffer[]): Promise<string> => {
    const raw = connect(socket);
    open.defer(() => void raw.destroy());
    raw.write(Buffer.concat(frames));
    const [answer] = (await new Promise((resolve) =>
      raw.once("data", (data: Buffer) => resolve([data])),
    )) as [Buffer];
    return answer.subarray(10).toString("latin1");
  };
  const frame = (stream: number, type: number, data = Buffer.alloc(0)) =>
    encodeFrame({ stream, type, flags: 0, data });
  assert.match(await answersTo(frame(2, frameTypes.request)), /odd numbers/);
  assert.match(await answersTo(frame(1, frameTypes.data)), /not open/);
  assert.match(await answersTo(frame(1, frameTypes.request, Buffer.from("\xff\xff"))), /can't be read/);
  assert.match(
    await answersTo(frame(3, 9), frame(3, frameTypes.request)),
    /there is no/,
    "unknown: passed over",
  );
  const long = Buffer.alloc(10 + maxFrameData + 1);
  long.writeUInt32BE(maxFrameData + 1);
  long.writeUInt32BE(5, 4);
  long[8] = frameTypes.request;
  assert.match(await answersTo(long), /longer than ttrpc allows/);
  assert.equal((await calls.echo({ text: "on" })).text, "on");
});

test("a client takes no nonsense for an answer", async () => {
  const frame = (stream: number, type: number, data = Buffer.alloc(0)) =>
    encodeFrame({ stream, type, flags: 0, data });
  const cases: [Buffer, FaultKind, RegExp][] = [
    [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), "corrupt", /no header of a ttrpc frame/],
    [frame(3, frameTypes.response), "corrupt", /never made/],
    [frame(2, frameTypes.response), "corrupt", /never made/],
    [frame(1, 7), "internal", /unknown type 7/],
    [frame(1, frameTypes.data), "internal", /a stream/],
    [frame(1, frameTypes.response, Buffer.from("\xff\xff\xff")), "corrupt", /can't be read/],
    [frame(1, frameTypes.response).subarray(0, 7), "unavailable", /midst of a message/],
  ];
  for (const [said, kind, words] of cases) {
    const calls = await peer((connection) => connection.once("data", () => connection.end(said)));
    await fails(calls.echo({}), kind, words);
    await open.disposeAsync();
    open = new AsyncDisposableStack();
  }
});
