import assert from "node:assert/strict";
import { once } from "node:events";
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "./contract.ts";
import { closeFd } from "./libc.ts";
import { closeOnExecPipe } from "./posix-spawn.ts";
import { hostProcesses } from "./processes.ts";

describe("hostProcesses", () => {
  const processes = hostProcesses();
  const env = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" };
  const soon = () => AbortSignal.timeout(20_000);
  const run = (command: Partial<Command>, signal = soon()) =>
    processes.run({ path: "sh", args: [], env, maxOutput: 65536, ...command }, signal);
  const sh = (script: string, more: Partial<Command> = {}, signal = soon()) =>
    run({ args: ["-c", script], ...more }, signal);
  let base: string;
  before(() => {
    base = mkdtempSync(join(tmpdir(), "berth-run-"));
  });
  after(() => rmSync(base, { recursive: true }));

  it("gives output, code and signal", async () => {
    const done = await sh("echo out; echo err >&2; exit 3");
    assert.deepEqual(
      [`${done.stdout}`, `${done.stderr}`, done.code, done.signal],
      ["out\n", "err\n", 3, null],
    );
    const killed = await sh("kill -TERM $$");
    assert.deepEqual([killed.code, killed.signal], [null, "SIGTERM"]);
  });

  it("feeds stdin, also to a program that does not read it", async () => {
    const text = "ä".repeat(200_000);
    assert.equal(`${(await run({ path: "wc", args: ["-c"], stdin: text })).stdout}`.trim(), "400000");
    assert.equal((await run({ path: "true", stdin: text })).code, 0);
    assert.equal(`${(await run({ path: "cat" })).stdout}`, "");
  });

  it("keeps the beginning of too much output, and lets the program end", async () => {
    const done = await sh("yes | head -c 3000000; echo end >&2", { maxOutput: 100 });
    assert.equal(done.stdout.length, 100);
    assert.equal(done.truncated, true);
    assert.equal(`${done.stderr}`, "end\n");
    const exact = await sh("printf 12345", { maxOutput: 5 });
    assert.deepEqual([exact.stdout.length, exact.truncated], [5, false]);
  });

  it("passes on exactly the environment, real pipes, the directory, and no other descriptor or ignored signal", async () => {
    const fd = openSync("/dev/null", "r");
    const [read, write] = closeOnExecPipe();
    try {
      assert.equal(`${(await run({ path: "/usr/bin/env", env: { ONLY: "this" } })).stdout}`, "ONLY=this\n");
      assert.equal(`${(await run({ path: "ls", args: ["/proc/self/fd"] })).stdout}`, "0\n1\n2\n3\n");
      assert.equal(`${(await sh("echo through > /dev/stdout")).stdout}`, "through\n");
      assert.equal(`${(await sh("pwd", { cwd: base })).stdout}`, `${base}\n`);
      const ignored = `${(await run({ path: "grep", args: ["SigIgn", "/proc/self/status"] })).stdout}`;
      const mask = BigInt(`0x${ignored.split("\t")[1]?.trim()}`);
      assert.equal(mask & 0x7fffffffn, 0n); // the two above are the C library's own
    } finally {
      closeSync(fd);
      closeFd(read);
      closeFd(write);
    }
  });

  it("does not wait for what the program leaves behind", async () => {
    const [go, file] = [join(base, "go"), join(base, "left")];
    const done = await sh(`(until test -e ${go}; do sleep 0.02; done; echo > ${file}) & echo started`);
    assert.equal(`${done.stdout}`, "started\n");
    writeFileSync(go, "");
    for (const signal = soon(); !existsSync(file) && !signal.aborted; ) await sh("sleep 0.05");
    assert.ok(existsSync(file), "it was not killed");
  });

  it("kills the whole group when aborted", async () => {
    const held = join(base, "held");
    await sh(`mkfifo ${held}`);
    const output = createReadStream(held, { encoding: "utf8" });
    const ended = new AbortController();
    const running = sh(`(echo up; sleep 100; echo on) > ${held} & sleep 100`, {}, ended.signal);
    running.catch(() => undefined);
    assert.equal((await once(output, "data"))[0], "up\n");
    const nobodyWrites = once(output.resume(), "end", { signal: soon() });
    ended.abort();
    await assert.rejects(running, { kind: "cancelled" });
    await nobodyWrites; // nor could anybody: all who had it open are gone
    await assert.rejects(sh("sleep 100", {}, AbortSignal.timeout(20)), { kind: "deadline" });
    await assert.rejects(sh("sleep 100", {}, AbortSignal.abort()), { kind: "cancelled" });
  });

  it("says what can not be started", async () => {
    await assert.rejects(run({ path: "no-such-program" }), {
      kind: "unavailable",
      hint: /^there is no no-such-program in \/usr.*: install it$/,
    });
    await assert.rejects(run({ path: "/no/such/conmon" }), {
      kind: "unavailable",
      hint: /^\/no\/such\/conmon is not there.*install it again \(Debian's package conmon\)/,
    });
    await assert.rejects(run({ path: "zfs", env: {} }), {
      kind: "unavailable",
      hint: "there is no zfs in an empty PATH: apt install zfsutils-linux",
    });
    await assert.rejects(run({ path: "true", cwd: join(base, "none") }), {
      kind: "notFound",
      message: /no directory/,
    });
    writeFileSync(join(base, "plain"), "");
    await assert.rejects(run({ path: join(base, "plain") }), { kind: "forbidden" });
    await assert.rejects(run({ path: "true", args: ["a\0b"] }), { kind: "invalid" });
    await assert.rejects(run({ path: "true", args: ["x".repeat(200_000)] }), { kind: "exhausted" });
  });

  it("takes the output of those that close it a moment before they end, late and many at once", async () => {
    const late = (at: number) =>
      sh(`echo ${at}; sleep 0.1${at % 10}; exec >&- 2>&-; sleep 0.00${at % 7}`, { stdin: "nothing" });
    const done = await Promise.all(Array.from({ length: 60 }, (_, at) => late(at)));
    assert.deepEqual(
      done.map(({ stdout }) => Number(`${stdout}`)),
      Array.from({ length: 60 }, (_, at) => at),
    );
  });

  it("runs many at once and leaves no descriptor open", async () => {
    await run({ path: "true" });
    const before = readdirSync("/proc/self/fd").length;
    const codes = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => (await sh(`exit ${at}`)).code),
    );
    assert.deepEqual(
      codes,
      Array.from({ length: 60 }, (_, at) => at),
    );
    const open = () => readdirSync("/proc/self/fd").length;
    for (const signal = soon(); open() > before && !signal.aborted; ) await sleep(10);
    assert.ok(open() <= before, `${open()} descriptors, ${before} before`);
  });
});
