import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { WantedStreams } from "../contract.ts";
import { exitTold, logWith, type Made, makeBundle, type Place, run, soon, until } from "./place.ts";
import { processesNaming } from "./processes.ts";

/** Nothing else on the machine sleeps for so long. */
const nap = `8640918${process.pid}`;
const all: WantedStreams = { stdin: true, stdout: true, stderr: true, tty: false };
const terminal: WantedStreams = { stdin: true, stdout: true, stderr: false, tty: true };

/** Goes on once the terminal has the size that it is given. */
const sized = 'until [ "$(busybox stty size)" = "37 91" ]; do sleep 0.02; done; echo sized';

/** What has come so far. */
function heard(stream: Readable | undefined): () => string {
  let text = "";
  stream?.on("data", (data) => {
    text += data;
  });
  return () => text;
}

export function streamCases(here: () => Place): void {
  describe("processes whose stdio is in the caller's hands", () => {
    let made: Made;
    before(async () => {
      made = await run(here(), { args: ["sleep", "1000"] });
    });
    after(() => here().runtime.delete(made.id, here().handler, soon()));

    const exec = (command: readonly string[], wanted: WantedStreams) =>
      here().runtime.execStream({ id: made.id, handler: here().handler, command, ...wanted }, soon());

    test("input, output and errors are real pipes; the exit code is the command's", async () => {
      const script = "cat > /dev/stdout; echo err > /dev/stderr; exit 7";
      const command = await exec(["sh", "-c", script], all);
      const [out, errors] = [heard(command.stdout), heard(command.stderr)];
      command.stdin?.end("to and fro\n");
      assert.equal(await command.exited, 7);
      // each comes by a way of its own, in whatever order
      await until(() => out() !== "" && errors() !== "", "what it wrote");
      assert.deepEqual([out(), errors()], ["to and fro\n", "err\n"]);
      await command.kill(); // of what has ended: nothing
    });

    test("a terminal shows all on its output, has the size it is given, and ends with the command", async () => {
      const command = await exec(["sh", "-c", `${sized}; read line; echo "got $line" >&2; exit 3`], terminal);
      const shown = heard(command.stdout);
      command.resize({ columns: 91, rows: 37 });
      await until(() => shown().includes("sized"), "the size that it was given");
      const ended = new Promise((resolve) => command.stdout?.once("end", resolve));
      command.stdin?.write("typed\n");
      assert.equal(await command.exited, 3);
      await ended;
      assert.match(shown(), /got typed\r\n/);
      command.resize({ columns: 1, rows: 1 }); // of what is gone: nothing
    });

    test("killing it takes along what it started", async () => {
      const script = `setsid sleep ${nap}1 & sleep ${nap}2 & echo started; exec sleep ${nap}3`;
      const command = await exec(["sh", "-c", script], all);
      const out = heard(command.stdout);
      await until(() => out() === "started\n", "its start");
      await command.kill();
      assert.equal(await command.exited, 137);
      await until(async () => (await processesNaming(`sleep\0${nap}`)).length === 0, "the end of all of it");
    });

    test("what can't be started says why", async () => {
      await assert.rejects(exec(["/no/such/program"], all), /no such file or directory/i);
      await assert.rejects(exec(["/no/such/program"], terminal), /no such file or directory/i);
    });

    test("what is attached types into the container, and ends its input where it is the first", async () => {
      const request = await makeBundle(here(), { args: ["sh", "-c", "cat; echo over"] });
      const container = await here().runtime.create({ ...request, stdin: true, stdinOnce: true }, soon());
      await here().runtime.start(request.id, here().handler, soon());
      const typist = await here().runtime.attach({ id: request.id, ...all }, soon());
      typist.stdin?.end("typed\n");
      const typedTo = { id: request.id, request, container };
      assert.match(await logWith(typedTo, "over"), /stdout F typed\n/);
      assert.equal((await exitTold(here(), typedTo)).code, 0);
      await here().runtime.delete(request.id, here().handler, soon());
    });

    test("a container's terminal is typed into, and has the size that it is given", async () => {
      const request = await makeBundle(here(), {
        args: ["sh", "-c", `${sized}; read line; echo "got $line"; sleep 1000`],
        edit: (config) => {
          config.process.terminal = true;
        },
      });
      const container = await here().runtime.create({ ...request, tty: true, stdin: true }, soon());
      await here().runtime.start(request.id, here().handler, soon());
      const typist = await here().runtime.attach({ id: request.id, ...terminal }, soon());
      typist.resize({ columns: 91, rows: 37 });
      const typedTo = { id: request.id, request, container };
      await logWith(typedTo, "sized");
      typist.stdin?.write("typed\n");
      await logWith(typedTo, "got typed");
      await typist.kill();
      await here().runtime.delete(request.id, here().handler, soon());
    });

    test("attaching joins the first process's output; detaching leaves it alone", async () => {
      const talker = await run(here(), {
        args: ["sh", "-c", "while :; do echo out; echo err >&2; sleep 0.05; done"],
      });
      const attached = await here().runtime.attach({ id: talker.id, ...all }, soon());
      const [out, errors] = [heard(attached.stdout), heard(attached.stderr)];
      await until(() => out().includes("out\n") && errors().includes("err\n"), "its words");
      assert.ok(!out().includes("err"), "errors come apart from output");
      await attached.kill();
      assert.equal(await attached.exited, undefined);
      const again = await here().runtime.attach({ id: talker.id, ...all }, soon());
      const more = heard(again.stdout);
      await until(() => more().includes("out\n"), "its words, again");
      await here().runtime.delete(talker.id, here().handler, soon());
      assert.equal(await again.exited, undefined, "an attachment ends with its container");
      const late = here().runtime.attach({ id: talker.id, ...all }, soon());
      await assert.rejects(late, (error) => isFault(error, "wrongState"));
    });
  });
}
