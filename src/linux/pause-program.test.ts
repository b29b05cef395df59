import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pauseProgram } from "./pause-program.ts";

describe("the program of a pod's own container", () => {
  let directory = "";
  let program = "";
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "berth-pause-"));
    program = join(directory, "pause");
    writeFileSync(program, pauseProgram(), { mode: 0o755 });
  });
  after(() => rmSync(directory, { recursive: true }));

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`waits without children of its own, and ends well at ${signal}`, async () => {
      const pause = spawn(program, { stdio: "ignore" });
      await waiting(pause.pid);
      await endsAt(pause, pause.pid ?? 0, signal);
    });
  }

  const skip = process.getuid?.() === 0 ? false : "NOT RUN: a PID namespace needs root";
  test("as the first process of a PID namespace, it ends at SIGTERM, too, and leaves no zombie", {
    skip,
  }, async () => {
    // the shell becomes the first process, once it has made one that starts another and ends before that
    const script = `(sleep 0.05 &) ; exec "$0"`;
    const unshare = spawn("unshare", ["--pid", "--fork", "--kill-child", "sh", "-c", script, program], {
      stdio: "ignore",
    });
    const [first] = await eventually(() => childrenOf(unshare.pid));
    await waiting(first);
    await eventually(() => (childrenOf(first).length === 0 ? [true] : []));
    await endsAt(unshare, first, "SIGTERM");
  });
});

async function endsAt(child: ChildProcess, pid: number, signal: "SIGTERM" | "SIGINT"): Promise<void> {
  const ended = once(child, "exit");
  process.kill(pid, signal);
  assert.deepEqual(await ended, [0, null]);
}

/** Sleeps in the kernel, as the program itself and not what became it. */
async function waiting(pid: number | undefined): Promise<void> {
  await eventually(() => {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return /^Name:\tpause$/m.test(status) && /^State:\tS/m.test(status) ? [true] : [];
  });
}

async function eventually<T>(found: () => readonly T[]): Promise<readonly [T, ...T[]]> {
  for (let left = 1000; left > 0; left--) {
    const [first, ...more] = found();
    if (first !== undefined) return [first, ...more];
    await sleep(10);
  }
  throw new Error("waited in vain");
}

function childrenOf(pid: number | undefined): number[] {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).flatMap((thread) =>
    readFileSync(`${threads}/${thread}/children`, "latin1").split(" ").filter(Boolean).map(Number),
  );
}
