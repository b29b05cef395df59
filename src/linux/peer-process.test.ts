import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { peerPid } from "./peer-process.ts";

it("knows which process has connected, and of a socket that is closed no more", async () => {
  const base = mkdtempSync(join(tmpdir(), "berth-peer-"));
  const path = join(base, "socket");
  const server = createServer().listen(path);
  await once(server, "listening");
  const program = `require("node:net").connect(${JSON.stringify(path)})`;
  const child = spawn(process.execPath, ["-e", program], { stdio: "ignore" });
  try {
    const [socket] = (await once(server, "connection")) as [Socket];
    assert.equal(peerPid(socket), child.pid);
    socket.destroy();
    assert.equal(peerPid(socket), undefined);
  } finally {
    child.kill("SIGKILL");
    server.close();
    rmSync(base, { recursive: true });
  }
});
