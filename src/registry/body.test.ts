import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { bodyBatches, readBody } from "./body.ts";

const body = Buffer.alloc(300_000, "body");
const signal = new AbortController().signal;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const server = createServer((_, answer) => void answer.end(body));
let url: URL;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
after(() => {
  agent.destroy();
  server.close();
});

async function answerOf(): Promise<IncomingMessage> {
  const [answer] = await once(request(url, { agent }).end(), "response");
  return answer as IncomingMessage;
}

test("who is slow to take the last of a body takes nothing from the next answer on that connection", async () => {
  const first = await answerOf();
  const { socket } = first;
  const batches = bodyBatches(first, url, 5_000, signal);
  for (let taken = 0; taken < body.length; ) {
    const { value = [] } = await batches.next();
    for (const chunk of value) taken += chunk.length;
  }
  const second = await answerOf();
  assert.equal(second.socket, socket, "a connection for each would show nothing");
  assert.deepEqual(await readBody(second, url, body.length, 5_000, signal), body);
  assert.equal((await batches.next()).done, true);
});
