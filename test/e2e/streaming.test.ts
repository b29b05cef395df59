import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { runProgram } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { KubeApi } from "../harness/kube-api.ts";
import { Kubectl } from "../harness/kubectl.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { metricsAddress } from "../harness/log-lines.ts";
import {
  eventually,
  type MadePod,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** Nothing else on the machine sleeps for so long. */
const nap = `86417${process.pid}`;
const echo = `httpd -p 127.0.0.1:8080 -h /www; while read line; do echo "got $line"; done; exec sleep ${nap}`;

/** With the Kubernetes project's own library. */
const pythonClient = `
import sys
from kubernetes import client
from kubernetes.stream import portforward, stream
configuration = client.Configuration()
configuration.host = sys.argv[1]
api = client.CoreV1Api(client.ApiClient(configuration))
command = ["sh", "-c", "echo out; echo err >&2; exit 3"]
ran = stream(api.connect_get_namespaced_pod_exec, "web", "default", container="main", command=command,
             stdin=False, stdout=True, stderr=True, tty=False, _preload_content=False)
ran.run_forever(timeout=30)
print(ran.read_stdout() + ran.read_stderr() + "code", ran.returncode)
forward = portforward(api.connect_get_namespaced_pod_portforward, "web", "default", ports="8080")
connection = forward.socket(8080)
connection.setblocking(True)
connection.sendall(b"GET /index.html HTTP/1.0\\r\\n\\r\\n")
answer = b""
while b"from berth" not in answer:
    data = connection.recv(4096)
    assert data, forward.error(8080)
    answer += data
print(answer.split(b"\\r\\n\\r\\n", 1)[1].decode(), end="")
`;

const metrics = '[metrics]\naddress = "127.0.0.1:0"\n';

describe("kubectl through the daemon's streams", privileged, () => {
  let daemon: TestDaemon;
  let api: KubeApi;
  let pod: MadePod;
  let main: string;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: metrics });
    await importBusybox(daemon);
    pod = await runPod(daemon, "web");
    main = await runContainer(daemon, pod, shellConfig("main", busyboxImage, echo, { stdin: true }));
    const shell = { stdin: true, tty: true };
    const terminal = await runContainer(daemon, pod, shellConfig("shell", busyboxImage, "exec sh", shell));
    const containers = { main: { id: main, stdin: true }, shell: { id: terminal, ...shell } };
    api = await KubeApi.start(daemon, [{ name: "web", pod, containers }]);
  });

  after(async () => {
    try {
      await removeAllPods(daemon);
      await assertNoLeaks(daemon);
    } finally {
      await api.close();
      await daemon.close();
    }
  });

  for (const transport of ["SPDY", "WebSocket"] as const) {
    describe(transport, () => {
      let kubectl: Kubectl;

      before(() => {
        kubectl = new Kubectl(api, daemon.workspace.directory, transport);
      });

      test("exec: output, errors and exit code apart", async () => {
        const script = "echo out > /dev/stdout; echo err >&2; exit 3";
        const ran = await kubectl.run(["exec", "web", "-c", "main", "--", "sh", "-c", script]);
        assert.equal(ran.stdout, "out\n");
        assert.match(ran.stderr, /^err\n.*exit code 3\n$/s);
        assert.equal(ran.code, 3);
      });

      test("exec: a command that is not there says so", async () => {
        const ran = await kubectl.run(["exec", "web", "-c", "main", "--", "/no/such/program"]);
        assert.notEqual(ran.code, 0);
        assert.match(ran.stderr, /\/no\/such\/program.*no such file or directory/is);
      });

      test("exec: input to its end, and back whole", async () => {
        const input = randomBytes(20_000_000);
        const ran = await kubectl.run(["exec", "-i", "web", "-c", "main", "--", "cat"], input);
        assert.deepEqual([ran.code, ran.stderr], [0, ""]);
        const hash = (data: Buffer) => createHash("sha256").update(data).digest("hex");
        assert.equal(hash(Buffer.from(ran.stdout, "latin1")), hash(input));
      });

      test("exec: a terminal of the client's size", async () => {
        // it comes beside the command's start
        const script = 'until [ "$(stty size)" = "33 99" ]; do sleep 0.05; done; tty; stty size';
        const shown = await kubectl.atTerminal([
          "exec",
          "-it",
          "web",
          "-c",
          "main",
          "--",
          "sh",
          "-c",
          script,
        ]);
        assert.match(shown, /\/dev\/pts\/\d+\r\n33 99\r\n/);
      });

      test("cp: both ways", async () => {
        const file = join(daemon.workspace.directory, `sent-${transport}`);
        writeFileSync(file, randomBytes(3_000_000));
        const sent = await kubectl.run(["cp", file, `web:/tmp-${transport}`, "-c", "main"]);
        assert.equal(sent.code, 0, sent.stderr);
        const back = await kubectl.run(["cp", `web:/tmp-${transport}`, `${file}.back`, "-c", "main"]);
        assert.equal(back.code, 0, back.stderr);
        assert.ok(readFileSync(file).equals(readFileSync(`${file}.back`)));
      });

      test("attach: what is typed reaches the container, what it writes comes back", async () => {
        const client = kubectl.start("attach", "-i", "web", "-c", "main");
        const said = outputOf(client);
        await eventually("the attachment", 30_000, async () => {
          client.stdin?.write("hello\n"); // until it is joined, nobody hears it
          await new Promise((resolve) => setTimeout(resolve, 200));
          return said().includes("got hello") ? true : undefined;
        });
        await ended(client);
      });

      test("port-forward: many connections at once; a port where nobody listens", async () => {
        const client = kubectl.start("port-forward", "pod/web", ":8080");
        const said = outputOf(client);
        const port = await eventually(
          "the forwarding",
          30_000,
          async () => /127\.0\.0\.1:(\d+) ->/.exec(said())?.[1],
        );
        const pages = await Promise.all(
          Array.from({ length: 20 }, () => page(`http://127.0.0.1:${port}/`)),
        ).catch((error) => assert.fail(`${error}: ${said()}\n${daemon.logTail()}`));
        assert.deepEqual(new Set(pages), new Set(["hello from berth\n"]));
        await ended(client);

        const astray = kubectl.start("port-forward", "pod/web", ":9");
        const words = outputOf(astray);
        const closed = await eventually(
          "the forwarding",
          30_000,
          async () => /127\.0\.0\.1:(\d+) ->/.exec(words())?.[1],
        );
        await assert.rejects(page(`http://127.0.0.1:${closed}/`));
        await eventually("why it failed", 30_000, async () =>
          words().includes("nothing in the pod answers on port 9") ? true : undefined,
        );
        await ended(astray);
      });

      test("a client that vanishes takes its command along, with all it started", async () => {
        const script = `setsid sleep ${nap}1 & echo started; exec sleep ${nap}2`;
        const client = kubectl.start("exec", "web", "-c", "main", "--", "sh", "-c", script);
        const said = outputOf(client);
        await eventually("the command", 30_000, async () => (said().includes("started") ? true : undefined));
        client.kill("SIGKILL");
        await eventually("the end of what it started", 10_000, async () =>
          (await sleeping(`${nap}[12]`)) === "" ? true : undefined,
        );
      });
    });
  }

  test("the Python client: exec and port-forward by its own WebSocket channels", async () => {
    const ran = await runProgram(["/usr/bin/python3", "-c", pythonClient, api.url]);
    assert.deepEqual(ran, { code: 0, stdout: "out\nerr\ncode 3\nhello from berth\n", stderr: "" });
  });

  test("a URL is good once, and only with its ticket", async () => {
    const streams = { containerId: main, tty: false, stdin: false, stdout: true, stderr: true };
    const { url } = await daemon.pods.exec({ ...streams, cmd: ["true"] });
    assert.match(await upgrade(url), /^HTTP\/1\.1 101 /);
    assert.match(await upgrade(url), /^HTTP\/1\.1 404 /);
    assert.match(await upgrade(new URL("/exec/guessed", url).href), /^HTTP\/1\.1 404 /);
    await assert.rejects(page(url), /400/, "not without an upgrade");
  });

  test("metrics count the streams that were opened, and those that are open", async () => {
    const url = `${await metricsAddress(daemon)}/metrics`;
    const count = (text: string, what: string, kind: string) =>
      Number(new RegExp(`^berth_streams_${what}_total\\{kind="${kind}"\\} (\\d+)$`, "m").exec(text)?.[1]);
    await eventually("every stream to have ended", 10_000, async () => {
      const text = await page(url);
      const kinds = ["exec", "attach", "port-forward"];
      assert.ok(
        kinds.every((kind) => count(text, "begun", kind) > 0),
        text,
      );
      return kinds.every((kind) => count(text, "begun", kind) === count(text, "ended", kind)) || undefined;
    });
  });

  test("what can't be streamed is refused before a URL is given out", async () => {
    const { pods } = daemon;
    const streams = { containerId: main, tty: false, stdin: false, stdout: true, stderr: true };
    const refusals: [Promise<unknown>, string, RegExp][] = [
      [pods.exec({ ...streams, cmd: [] }), "invalid", /cmd: missing/],
      [pods.exec({ ...streams, cmd: ["sh"], tty: true }), "invalid", /stderr/],
      [
        pods.exec({ ...streams, cmd: ["sh"], stdout: false, stderr: false }),
        "invalid",
        /stdin, stdout and stderr/,
      ],
      [pods.exec({ ...streams, cmd: ["sh"], containerId: "nobody" }), "notFound", /nobody/],
      [pods.attach({ ...streams, containerId: "nobody" }), "notFound", /nobody/],
      [pods.portForward({ podSandboxId: "nobody", port: [] }), "notFound", /nobody/],
    ];
    for (const [call, kind, words] of refusals) {
      await assert.rejects(call, (error) => isFault(error, kind as "invalid") && words.test(String(error)));
    }
  });
});

function outputOf({ stdout, stderr }: ChildProcess): () => string {
  let text = "";
  for (const stream of [stdout, stderr]) stream?.on("data", (data) => (text += data));
  return () => text;
}

async function ended(child: ChildProcess): Promise<void> {
  child.stdin?.on("error", () => undefined);
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once("exit", resolve));
}

function page(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, async (response) => {
      let text = "";
      for await (const data of response) text += data;
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(`${response.statusCode}: ${text}`));
    }).on("error", reject);
  });
}

/** The first bytes of the answer to a wish for SPDY. */
function upgrade(url: string): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n` +
        "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
    );
    socket.once("error", reject);
    socket.once("data", (data) => {
      resolve(data.toString("latin1"));
      socket.destroy();
    });
  });
}

/** Those processes whose arguments match. */
function sleeping(pattern: string): Promise<string> {
  return new Promise((resolve) => {
    execFile("pgrep", ["-f", `^sleep ${pattern}`], (_error, stdout) => resolve(stdout));
  });
}
