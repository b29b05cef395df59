import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PacketSocket } from "./packet-socket.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-packets-"));
after(() => rmSync(directory, { recursive: true }));

/** A real server of such a socket: answers each packet with the same. */
async function echoing(name: string): Promise<{ path: string } & Disposable> {
  const path = join(directory, name);
  const address = `UNIX-LISTEN:${path},type=5,fork,backlog=100`;
  const server = spawn("socat", [address, "EXEC:cat"], { stdio: "ignore" });
  while (!isListening(path)) await new Promise((resolve) => setTimeout(resolve, 10));
  return { path, [Symbol.dispose]: () => void server.kill() };
}

/** That its file is there says only that it is bound. */
function isListening(path: string): boolean {
  const acceptsConnections = " 00010000 ";
  const sockets = readFileSync("/proc/net/unix", "latin1").split("\n");
  return sockets.some((line) => line.endsWith(` ${path}`) && line.includes(acceptsConnections));
}

test("what is written comes back, more than fits at once, and the end of it", {
  timeout: 30_000,
}, async () => {
  using server = await echoing("echo");
  const socket = new PacketSocket(server.path);
  const data = Buffer.alloc(3_000_000, "0123456789");
  socket.output.end(data);
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const packet of socket.packets as AsyncIterable<Buffer>) {
    pieces.push(packet);
    length += packet.length;
    if (length === data.length) break;
  }
  assert.ok(Buffer.concat(pieces).equals(data));
  socket.close();
});

test("sockets that close while data comes leave no signal behind that ends the process", {
  timeout: 30_000,
}, async () => {
  using server = await echoing("close");
  for (let round = 0; round < 50; round++) {
    const socket = new PacketSocket(server.path);
    socket.packets.resume();
    socket.output.write(Buffer.alloc(4096));
    if (round % 2 === 0) await new Promise(setImmediate);
    socket.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
});

test("a path where nobody listens is refused", () => {
  assert.throws(() => new PacketSocket(join(directory, "nobody")), /ENOENT/);
});
