import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { constants } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { isFault } from "../../base/fault.ts";
import { TaskService } from "../gen/task.v2.ts";
import { TtrpcClient } from "./client.ts";

const run = promisify(execFile);
const skip = process.getuid?.() === 0 ? false : "NOT RUN: a shim needs root";

test("containerd's own shim is called, answers, refuses, and goes", { skip, timeout: 60_000 }, async () => {
  const bundle = await mkdtemp(join(tmpdir(), "berth-shim-"));
  const id = basename(bundle);
  await run("mkfifo", [join(bundle, "log")]);
  await writeFile(join(bundle, "config.json"), "{}");
  await using log = await open(join(bundle, "log"), constants.O_RDWR | constants.O_NONBLOCK);
  assert.ok(log.fd > 0);
  const args = ["-namespace", "berth-test", "-address", bundle, "-publish-binary", "true", "-id", id];
  const starting = spawn("containerd-shim-runc-v2", [...args, "start"], {
    cwd: bundle,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [address] = (await starting.stdout.take(1).toArray()) as [Buffer];
  const socket = address.toString().trim().replace("unix://", "");
  using client = await TtrpcClient.connect(socket, AbortSignal.timeout(20_000));
  const calls = client.calls(TaskService);
  const { shimPid } = await calls.connect({ id }, { timeout: 20_000 });
  try {
    await assert.rejects(
      calls.state({ id }, { timeout: 20_000 }),
      (error) => isFault(error, "notFound") && error.message.includes("not found"),
    );
    const other = client.calls(TaskService, "berth.no.such.Service");
    await assert.rejects(other.state({ id }), (error) => isFault(error, "unimplemented"));
    await calls.shutdown({ id, now: true }).catch((error) => assert.ok(isFault(error, "unavailable")));
    assert.equal((await client.closed).kind, "unavailable");
  } finally {
    killIfThere(shimPid);
    await rm(bundle, { recursive: true });
  }
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has gone, as it was asked to
  }
}
