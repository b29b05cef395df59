import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { peakMemory } from "../../bench/figures.ts";
import { type Joined, joinCommand, joinPort } from "../../bench/stream-client.ts";
import { ownPort } from "../../src/linux/testing/own-port.ts";
import { NamespaceMode } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { echoWithin } from "../harness/pod-listener.ts";
import { eventually, type MadePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { full, privileged } from "../harness/privileged.ts";
import { exitCode, openAttach, openExec, openPort, openPorts, textOf } from "../harness/stream-client.ts";

/** Nothing else on the machine sleeps for so long. */
const nap = `86420${process.pid}`;
const streamsAtOnce = full ? 200 : 50;
const muchBytes = (full ? 1024 : 64) << 20;
const mostGrowth = 64;

const servers = [
  "httpd -p [::1]:8081 -h /www",
  "(while :; do nc -l -p 9000 -e /bin/cat; done) &",
  `exec sleep ${nap}`,
].join("\n");
const page = "GET /index.html HTTP/1.0\r\n\r\n";

describe("streams of a daemon", privileged, () => {
  let daemon: TestDaemon;
  let pod: MadePod;
  let main: string;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc" });
    await importBusybox(daemon);
    pod = await runPod(daemon, "web");
    main = await runContainer(daemon, pod, shellConfig("main", busyboxImage, servers));
  });

  after(() => endDaemon(daemon));

  test("exec: a command that a signal ends has its code, one that closes its input early is not held up", async () => {
    const killed = await openExec(daemon, { containerId: main }, ["sh", "-c", "kill -TERM $$"]);
    assert.equal(await exitCode(killed.error), 143);
    const early = await openExec(daemon, { containerId: main, stdin: true }, [
      "sh",
      "-c",
      "exec <&-; echo done",
    ]);
    early.stdin.end(Buffer.alloc(4 << 20));
    assert.equal(await textOf(early.stdout), "done\n");
    assert.equal(await exitCode(early.error), 0);
  });

  test("exec: a client that does not read holds its command up, and nothing is lost", async () => {
    const total = 64_000_000;
    const memory = peakMemory(daemon.pid);
    const { session, error, stdout } = await openExec(daemon, { containerId: main }, [
      "head",
      "-c",
      `${total}`,
      "/dev/zero",
    ]);
    const written = async () => {
      const [pid] = (await pids(`^head -c ${total}`)).split("\n");
      return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
    };
    const held = await eventually("the command to be held up", 20_000, async () => {
      const before = await written().catch(() => 0);
      await sleep(300);
      return before > 0 && before === (await written()) ? before : undefined;
    });
    assert.ok(held < 16_000_000, `${held} bytes were written that nobody read`);
    let read = 0;
    stdout.on("data", (data) => (read += data.length));
    assert.equal(await exitCode(error), 0);
    assert.equal(read, total);
    assert.ok(memory.grown() < mostGrowth, `the daemon grew by ${memory.grown()} MB`);
    session.destroy();
  });

  test("much goes through a command and through a port, there and back whole, in little memory", async () => {
    const at = { podSandboxId: pod.id, containerId: main };
    const joined: readonly [string, () => Promise<Joined>][] = [
      ["exec", () => joinCommand(daemon, at, ["cat"])],
      ["port-forward", () => joinPort(daemon, at, 9000)],
    ];
    for (const [how, join] of joined) {
      const memory = peakMemory(daemon.pid);
      await (await join()).echo(muchBytes);
      assert.ok(memory.grown() < mostGrowth, `${how}: the daemon grew by ${memory.grown()} MB`);
    }
  });

  test(`${streamsAtOnce} commands and ${streamsAtOnce} connections at once, each with its own answer`, async () => {
    const memory = peakMemory(daemon.pid);
    const ports = await openPorts(daemon, pod.id);
    const all = Array.from({ length: streamsAtOnce }, (_, index) => index);
    const commands = await Promise.all(
      all.map(() => openExec(daemon, { containerId: main, stdin: true }, ["cat"])),
    );
    using _listener = await echoWithin(Number(await pids(`^sleep ${nap}$`)), 9001);
    const connections = all.map((index) => openPort(ports, 9001, index));
    const answered = commands.map(async ({ session, stdin, stdout }, index) => {
      stdin.end(`line ${index}`);
      assert.equal(await textOf(stdout), `line ${index}`);
      session.close();
    });
    const echoed = connections.map(async ({ data, error }, index) => {
      data.end(`connection ${index}`);
      const [answer, problem] = await Promise.all([textOf(data), textOf(error)]);
      assert.deepEqual([answer, problem], [`connection ${index}`, ""]);
    });
    await Promise.all([...answered, ...echoed]);
    ports.destroy();
    assert.ok(memory.grown() < mostGrowth, `the daemon grew by ${memory.grown()} MB`);
  });

  test("port-forward: a listener of the pod's IPv6 loopback alone, and the node's for a pod in its network", async () => {
    const asked = async (podSandboxId: string, port: number) => {
      const session = await openPorts(daemon, podSandboxId);
      const { data, error } = openPort(session, port, 0);
      data.end(page);
      const said = await Promise.all([textOf(data), textOf(error)]);
      session.destroy();
      return said;
    };
    assert.match((await asked(pod.id, 8081))[0], /hello from berth\n$/);
    const onNode = await runPod(daemon, "node", {
      linux: { securityContext: { namespaceOptions: { network: NamespaceMode.NODE } } },
    });
    for (const host of ["127.0.0.1", "::1"]) {
      const server = createServer((socket) => socket.resume().end(`node ${host}`));
      const port = await ownPort(); // nobody else comes to listen there once it is closed
      await new Promise<void>((resolve) => server.listen(port, host, resolve));
      assert.deepEqual(await asked(onNode.id, port), [`node ${host}`, ""]);
      await new Promise((resolve) => server.close(resolve));
      assert.match(
        (await asked(onNode.id, port))[1],
        new RegExp(`nothing on the node answers on port ${port}`),
      );
    }
  });

  test("attach: input from each, output to all; what was written before is not told again", async () => {
    const script = 'echo before; while read line; do echo "got $line"; echo "err $line" >&2; done';
    const containerId = await runContainer(
      daemon,
      pod,
      shellConfig("many", busyboxImage, script, { stdin: true }),
    );
    const clients = await Promise.all([1, 2, 3].map(() => openAttach(daemon, { containerId, stdin: true })));
    const said = clients.map(({ stdout, stderr }) => {
      const text = { out: "", err: "" };
      stdout.on("data", (data) => (text.out += data));
      stderr.on("data", (data) => (text.err += data));
      return text;
    });
    const allSaw = (line: string) =>
      said.every(({ out, err }) => out.includes(`got ${line}\n`) && err.includes(`err ${line}\n`)) ||
      undefined;
    await eventually("all attachments", 10_000, async () => {
      clients[0]?.stdin.write("hello\n"); // until a client is joined, it hears nothing
      await sleep(50);
      return allSaw("hello");
    });
    for (const [index, { stdin }] of clients.entries()) {
      stdin.write(`from ${index}\n`);
      await eventually("the output at every client", 10_000, async () => allSaw(`from ${index}`));
    }
    for (const { out } of said) assert.doesNotMatch(out, /before/);
    // stdin goes on: whoever leaves ends nothing
    clients[0]?.stdin.end();
    clients[1]?.session.destroy();
    clients[2]?.stdin.write("more\n");
    await eventually(
      "the output of the last",
      10_000,
      async () => said[2]?.out.endsWith("got more\n") || undefined,
    );
    clients[2]?.session.destroy();
    clients[0]?.session.destroy();
  });

  test("attach: with stdinOnce, the first one's end of input is that of the container's", async () => {
    const options = { stdin: true, stdinOnce: true };
    const containerId = await runContainer(
      daemon,
      pod,
      shellConfig("once", busyboxImage, "cat; echo over", options),
    );
    const { session, stdin, stdout, error } = await openAttach(daemon, { containerId, stdin: true });
    stdin.end("last words\n");
    assert.equal(await textOf(stdout), "last words\nover\n");
    assert.equal(await exitCode(error), 0);
    session.destroy();
    await eventually("the container's end", 10_000, async () => {
      const { status } = await daemon.pods.containerStatus({ containerId });
      return status?.finishedAt !== 0n && status?.exitCode === 0 ? true : undefined;
    });
  });

  test("attach: a terminal has its client's size, also when that changes", async () => {
    const options = { stdin: true, tty: true };
    const containerId = await runContainer(
      daemon,
      pod,
      shellConfig("terminal", busyboxImage, "exec sh", options),
    );
    const { session, stdin, stdout, resize } = await openAttach(daemon, { containerId, ...options });
    let shown = "";
    stdout.on("data", (data) => (shown += data));
    for (const [columns, rows] of [
      [91, 17],
      [132, 50],
    ]) {
      resize.write(JSON.stringify({ Width: columns, Height: rows }));
      await eventually(`the size ${columns}`, 10_000, async () => {
        stdin.write("stty size\n");
        await sleep(100);
        return shown.includes(`\r\n${rows} ${columns}\r\n`) || undefined;
      });
    }
    session.destroy();
  });

  test("what a command has started does not outlive a daemon that is killed, once the next one has started", async () => {
    const script = `setsid sleep ${nap}1 & echo started; exec sleep ${nap}2`;
    const { stdout } = await openExec(daemon, { containerId: main }, ["sh", "-c", script]);
    await new Promise((resolve) => stdout.once("data", resolve));
    await eventually("both", 10_000, async () =>
      (await pids(`^sleep ${nap}[12]`)).split("\n").length === 2 ? true : undefined,
    );
    await daemon.kill();
    await daemon.launch();
    await eventually("its end", 10_000, async () =>
      (await pids(`^sleep ${nap}[12]`)) === "" ? true : undefined,
    );
    assert.notEqual(await pids(`^sleep ${nap}$`), "", "the container runs on");
  });
});

/** Of those whose command line matches, a line each. */
function pids(pattern: string): Promise<string> {
  return new Promise((resolve) => {
    execFile("pgrep", ["-f", pattern], (_error, stdout) => resolve(stdout.trim()));
  });
}
