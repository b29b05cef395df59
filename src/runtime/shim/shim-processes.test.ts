import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { pathsOf } from "../../config/paths.ts";
import { shimProcesses } from "./shim-processes.ts";

test("a shim's process is found by its command line, and by this daemon's socket alone", async () => {
  const grpc = { socket: `/run/berth-test-${process.pid}/berth.sock` };
  const paths = pathsOf({ root: "/", state: "/", grpc } as never);
  const shimOf = (socket: string) =>
    spawn("sh", ["-c", "echo; read _", "shim", "-address", socket, "-id", "pod"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  const [own, other] = [shimOf(grpc.socket), shimOf("/run/other.sock")];
  await Promise.all([own, other].map(({ stdout }) => once(stdout, "data")));
  try {
    assert.deepEqual(
      (await shimProcesses("pod", paths)).map(({ pid }) => pid),
      [own.pid],
    );
    assert.deepEqual(await shimProcesses("another", paths), []);
  } finally {
    for (const child of [own, other]) child.kill("SIGKILL");
  }
});
