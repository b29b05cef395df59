import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { ExecResult } from "../contract.ts";
import { caseOf } from "./case-of.ts";
import { commandsIn, create, exitTold, type Made, type Place, run, soon, until } from "./place.ts";
import type { TestedHandler } from "./tested-handler.ts";

/** Nothing else on the machine sleeps for so long. */
const nap = `8640917${process.pid}`;

export function execCases(here: () => Place, tested: TestedHandler): void {
  describe("commands in a container", () => {
    let made: Made;
    before(async () => {
      made = await run(here(), {
        args: ["sleep", "1000"],
        edit: (config) => {
          config.process.user = { uid: 1234, gid: 5678, additionalGids: [42] };
          config.process.noNewPrivileges = true;
          config.process.oomScoreAdj = 700;
        },
      });
    });
    after(() => here().runtime.delete(made.id, here().handler, soon()));

    const exec = (command: readonly string[], options: { timeout?: number; maxOutput?: number } = {}) =>
      here().runtime.execSync(
        { id: made.id, handler: here().handler, command, timeout: undefined, maxOutput: 1 << 20, ...options },
        soon(),
      );
    const commands = (naming: string) => commandsIn(here(), made.id, naming);
    const text = ({ stdout, stderr, exitCode }: ExecResult) => [
      exitCode,
      Buffer.from(stdout).toString(),
      Buffer.from(stderr).toString(),
    ];

    test("output, exit code and signals", async () => {
      const both = "echo out > /dev/stdout; echo err > /dev/stderr; exit 3";
      assert.deepEqual(text(await exec(["sh", "-c", both])), [3, "out\n", "err\n"]);
      assert.deepEqual(text(await exec(["sh", "-c", "kill -9 $$"])), [137, "", ""]);
      assert.deepEqual(text(await exec(["sh", "-c", "kill -15 $$"])), [143, "", ""]);
      assert.deepEqual(text(await exec(["cat"])), [0, "", ""], "stdin is empty");
    });

    test("runs as the container's own process does", async () => {
      const who = await exec(["sh", "-c", "id; echo $GREETING; pwd; cat /proc/self/status"]);
      const [, out] = text(who);
      assert.match(String(out), /uid=1234 gid=5678 groups=42/);
      assert.match(String(out), /^hello\n\/tmp$/m);
      assert.match(String(out), /^CapBnd:\s+00000000000000e0$/m);
    });

    const status = async () => String(text(await exec(["cat", "/proc/self/status"]))[1]);
    caseOf(
      tested,
      "a process's status says that it gets no new privileges",
      "gets no new privileges, as the container's own process",
      async () => assert.match(await status(), /^NoNewPrivs:\s+1$/m),
      async () => assert.doesNotMatch(await status(), /NoNewPrivs/),
    );

    const oomScore = async () => text(await exec(["cat", "/proc/self/oom_score_adj"]));
    caseOf(
      tested,
      "commands have the container's oom_score_adj",
      "runs with the container's oom_score_adj",
      async () => assert.deepEqual(await oomScore(), [0, "700\n", ""]),
      async () => assert.deepEqual(await oomScore(), [0, "0\n", ""]),
    );

    test("output beyond the limit is dropped, and the command is not held up", async () => {
      const much = await exec(["head", "-c", "3000000", "/dev/zero"], { maxOutput: 1000 });
      assert.deepEqual([much.exitCode, much.stdout.length, much.truncated], [0, 1000, true]);
      const enough = await exec(["head", "-c", "300000", "/dev/zero"], { maxOutput: 300_000 });
      assert.deepEqual([enough.stdout.length, enough.truncated], [300_000, false]);
    });

    test("a command that is not there is a fault with the runtime's words", async () => {
      await assert.rejects(
        exec(["no-such-command"]),
        (error) =>
          isFault(error, "internal") && /no-such-command.*(not found|no such file)/.test(error.message),
      );
    });

    test("what goes on in the background does not hold it up, and goes on", async () => {
      const [code, out] = text(await exec(["sh", "-c", `sleep ${nap}1 & echo started`]));
      assert.deepEqual([code, out], [0, "started\n"]);
      assert.equal((await commands(`${nap}1`)).length, 1);
    });

    test("a time-out kills whatever the command started, in whatever session", async () => {
      const script = `sleep ${nap}2 & setsid sleep ${nap}2 & sleep ${nap}2`;
      await assert.rejects(
        exec(["sh", "-c", script], { timeout: 1000 }),
        (error) => isFault(error, "deadline") && /1000 ms/.test(error.message),
      );
      assert.deepEqual(await commands(`${nap}2`), []);
    });

    test("a caller that gives up kills it, too", async () => {
      const caller = new AbortController();
      const request = { id: made.id, handler: here().handler, timeout: undefined, maxOutput: 1000 };
      const command = ["sh", "-c", `sleep ${nap}3`];
      const running = here().runtime.execSync({ ...request, command }, caller.signal);
      const gone = assert.rejects(running, (error) => isFault(error, "cancelled"));
      await until(async () => (await commands(`${nap}3`)).length > 0, "the command's start");
      caller.abort();
      await gone;
      assert.deepEqual(await commands(`${nap}3`), []);
    });

    test("a caller that gives up while it is being started kills it, too", async () => {
      const request = { id: made.id, handler: here().handler, timeout: undefined, maxOutput: 1000 };
      const command = ["sh", "-c", `sleep ${nap}4`];
      const step = here().sandbox === undefined ? 5 : 20; // there each is given up later, once it has been started
      for (let delay = 0; delay < 80; delay += step) {
        const running = here().runtime.execSync({ ...request, command }, AbortSignal.timeout(delay));
        await assert.rejects(running, (error) => isFault(error, "deadline") || isFault(error, "cancelled"));
        assert.deepEqual(await commands(`${nap}4`), [], `given up after ${delay} ms`);
      }
    });

    test("many at once, and nothing is left of any", async () => {
      const open = readdirSync("/proc/self/fd").length;
      const numbers = Array.from({ length: 20 }, (_, index) => index);
      const results = await Promise.all(
        numbers.map((number) => exec(["sh", "-c", `echo ${number}; exit ${number}`])),
      );
      assert.deepEqual(
        results.map(text),
        numbers.map((number) => [number, `${number}\n`, ""]),
      );
      assert.deepEqual(
        (await readdir(made.request.bundle)).filter((name) => name.startsWith("exec-")),
        [],
      );
      await until(() => readdirSync("/proc/self/fd").length <= open, "the end of all pipes");
      const group = `${here().cgroup}/${made.id}`;
      assert.deepEqual(await here().cgroups.below(group), [group]);
    });
  });

  test("a container that has exited takes no commands", async () => {
    const place = here();
    const made = await create(place, { args: ["true"] });
    await place.runtime.start(made.id, place.handler, soon());
    await exitTold(place, made);
    const request = { id: made.id, handler: place.handler, command: ["true"], timeout: 1000, maxOutput: 10 };
    await assert.rejects(place.runtime.execSync(request, soon()), (error) => isFault(error, "wrongState"));
  });
}
