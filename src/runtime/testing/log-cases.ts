import assert from "node:assert/strict";
import { readFile, rename, stat } from "node:fs/promises";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { logWith, makeBundle, type Place, run, soon } from "./place.ts";

/** Time, stream, whole or partial line (CRI log format). */
const line = (stream: string, tag: string, text: string) =>
  new RegExp(`^[0-9-]{10}T[0-9:.]{18}[+-][0-9:]{5} ${stream} ${tag} ${text}$`, "m");

export function logCases(here: () => Place): void {
  test("output is logged as the CRI has it", async () => {
    const made = await run(here(), { args: ["sh", "-c", "echo out; echo err >&2; printf half; sleep 1000"] });
    await logWith(made, "err");
    const log = await logWith(made, "half");
    assert.match(log, line("stdout", "F", "out"));
    assert.match(log, line("stderr", "F", "err"));
    assert.match(log, line("stdout", "P", "half"));
    assert.equal((await stat(made.request.logPath ?? "")).mode & 0o777, 0o640);
    await here().runtime.delete(made.id, here().handler, soon());
  });

  test("a renamed log is opened anew, and no line is lost", async () => {
    const { runtime, handler } = here();
    const script = "trap 'echo after' HUP; echo before; while :; do sleep 0.05; done";
    const made = await run(here(), { args: ["sh", "-c", script] });
    const file = made.request.logPath ?? "";
    await logWith(made, "before");
    await runtime.reopenLog(made.id, soon()); // nobody renamed it
    assert.match(await readFile(file, "utf8"), /before/);
    await rename(file, `${file}.1`);
    await runtime.reopenLog(made.id, soon());
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    await runtime.kill(made.id, handler, "SIGHUP", false, soon());
    await logWith(made, "after");
    assert.doesNotMatch(await readFile(file, "utf8"), /before/);
    assert.match(await readFile(`${file}.1`, "utf8"), /before/);
    await runtime.delete(made.id, handler, soon());
    await assert.rejects(runtime.reopenLog(made.id, soon()), (error) => isFault(error, "wrongState"));
  });

  test("a log in a directory that is gone is refused, and its container lives on", async () => {
    const { runtime, handler } = here();
    const request = await makeBundle(here(), { args: ["sleep", "1000"] });
    const logPath = `${here().directory}/logs/gone/0.log`;
    const container = await runtime.create({ ...request, logPath }, soon());
    await rename(`${here().directory}/logs/gone`, `${here().directory}/logs/away`);
    await assert.rejects(runtime.reopenLog(request.id, soon()), (error) => isFault(error, "notFound"));
    assert.ok(runtime.alive(container.monitor));
    await runtime.delete(request.id, handler, soon());
  });

  test("without a log path output is dropped", async () => {
    const { runtime, handler } = here();
    const request = await makeBundle(here(), { args: ["sh", "-c", "head -c 1000000 /dev/zero; sleep 1000"] });
    const container = await runtime.create({ ...request, logPath: undefined }, soon());
    await runtime.start(request.id, handler, soon());
    await runtime.reopenLog(request.id, soon());
    assert.ok(runtime.alive(container.init));
    await runtime.delete(request.id, handler, soon());
  });
}
