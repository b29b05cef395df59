import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { get } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { berthCommand } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { patience } from "../harness/patience.ts";
import { eventually, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const echo = 'httpd -p 127.0.0.1:8080 -h /www; while read line; do echo "got $line"; done; exec sleep 9999';

/** Keys that are typed again and again until something is shown: before the terminal is joined, nobody hears them. */
interface Typed {
  readonly keys: string;
  readonly until: RegExp;
}

describe("exec, attach and port-forward by the command, over TLS", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: "[streaming]\ntls = true\n" });
    await importBusybox(daemon);
    const pod = await runPod(daemon, "web");
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, echo, { stdin: true }));
    const shell = { stdin: true, tty: true };
    await runContainer(daemon, pod, shellConfig("shell", busyboxImage, "exec sh", shell));
  });

  after(() => endDaemon(daemon));

  /** As a person at a terminal types it: what is shown, to the end of the command. */
  const typed = (line: string, keys: readonly Typed[] = []): Promise<string> =>
    new Promise((resolve) => {
      const env = { ...process.env, BERTH_CONFIG: daemon.workspace.configFile };
      const child = execFile(
        "script",
        ["-qec", line, "/dev/null"],
        { env, timeout: 60_000 * patience },
        (_error, stdout) => {
          clearInterval(typing);
          resolve(stdout);
        },
      );
      let shown = "";
      child.stdout?.on("data", (data) => (shown += data));
      child.stdin?.on("error", () => undefined);
      const typing = setInterval(() => {
        const next = keys.find(({ until }) => !until.test(shown));
        if (next !== undefined) child.stdin?.write(next.keys);
      }, 500);
    });

  test("exec shows output as it comes, errors apart, and exits with the program's code", async () => {
    const ran = await daemon.command("exec", "main", "sh", "-c", "echo out; echo err >&2; exit 5");
    assert.deepEqual(ran, { code: 5, stdout: "out\n", stderr: "err\n" });
    const missing = await daemon.command("exec", "main", "/no/such/program");
    assert.match(
      missing.stderr,
      /^berth: running \/no\/such\/program in main: .*no such file or directory/is,
    );
    assert.equal(missing.code, 125);
  });

  test("exec -i passes input on to its end", async () => {
    const command = daemon.within([berthCommand, "exec", "--config", daemon.workspace.configFile]);
    const [program = "", ...args] = [...command, "-i", "main", "wc", "-c"];
    const counted = await new Promise<string>((resolve) => {
      const child = execFile(program, args, (_error, stdout) => resolve(stdout));
      child.stdin?.end(Buffer.alloc(5_000_000));
    });
    assert.equal(counted.trim(), "5000000");
  });

  test("exec -it is a terminal of the user's size, which is as before in the end", async () => {
    // it comes beside the command's start
    const sized = 'until [ "$(stty size)" = "20 70" ]; do sleep 0.05; done';
    const program = `sh -c '${sized}; tty; stty size; exit 3'`;
    const line = `stty rows 20 cols 70; ${berthCommand} exec -it main ${program}; echo code $?; stty -a`;
    const shown = await typed(line);
    assert.match(shown, /\/dev\/pts\/\d+\r+\n20 70\r+\ncode 3\r\n/);
    assert.match(shown, / icanon .* echo /s);
  });

  test("attach -it: a shell goes on; Ctrl-P Ctrl-Q leaves it running", async () => {
    const line = `${berthCommand} attach -it shell; echo code $?`;
    const answer = /\r\n42\r/;
    const shown = await typed(line, [
      { keys: "echo $((40+2))\r", until: answer },
      { keys: "\x10\x11", until: /detached/ },
    ]);
    assert.match(shown, answer);
    assert.match(shown, /detached; the container runs on\r?\ncode 0/);
    assert.match((await daemon.command("ps")).stdout, /Running +shell/);
  });

  test("port-forward leads to the pod's loopback until it is interrupted; each direction ends by itself", async () => {
    const counting = "while :; do nc -l -p 9090 -e wc -c; done";
    const listens = "until grep -q :2382 /proc/net/tcp /proc/net/tcp6; do sleep 0.05; done"; // 9090
    await daemon.command("exec", "main", "sh", "-c", `(${counting}) </dev/null >/dev/null 2>&1 & ${listens}`);
    const ports = [":8080", ":9090"];
    const command = [berthCommand, "port-forward", "--config", daemon.workspace.configFile, "web", ...ports];
    const [program = "", ...args] = daemon.within(command);
    const child = spawn(program, args);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
    const [port, counter] = await eventually("the forwarding", 30_000, async () => {
      const found = [...said.matchAll(/127\.0\.0\.1:(\d+) to/g)].map((match) => Number(match[1]));
      return found.length === ports.length ? found : undefined;
    });
    const page = await new Promise<string>((resolve, reject) => {
      get(`http://127.0.0.1:${port}/`, { agent: false }, async (response) => {
        let text = "";
        for await (const data of response) text += data;
        resolve(text);
      }).on("error", reject);
    });
    assert.equal(page, "hello from berth\n");
    const counted = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port: Number(counter), host: "127.0.0.1", allowHalfOpen: true });
      socket.on("error", reject).end(Buffer.alloc(1_000_000)); // wc counts once this direction has ended
      let text = "";
      socket.on("data", (data) => (text += data)).on("end", () => resolve(text));
    });
    assert.equal(counted.trim(), "1000000");
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    assert.equal(await exited, 130, said);
  });
});
