import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { KubeApi } from "../harness/kube-api.ts";
import { Kubectl } from "../harness/kubectl.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  eventually,
  exited,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** Writes numbered lines whenever a file tells it to, and in the end one that is longer than a log's lines are. */
const writer = `
i=0; while [ ! -e /tmp/end ]; do
  if [ -e /tmp/go ]; then i=$((i+1)); echo "line $i"; echo "err $i" >&2; rm /tmp/go; else sleep 0.02; fi
done; head -c 40000 /dev/zero | tr '\\0' x; echo; echo over; exit 3`;

describe("kubectl logs, debug and cp of directories", privileged, () => {
  let daemon: TestDaemon;
  let api: KubeApi;
  let kubectl: Kubectl;
  let main: string;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    const pod = await runPod(daemon, "web");
    main = await runContainer(daemon, pod, shellConfig("main", busyboxImage, writer));
    const containers = { main: { id: main } };
    api = await KubeApi.start(daemon, [{ name: "web", pod, containers }]);
    kubectl = new Kubectl(api, daemon.workspace.directory, "WebSocket");
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

  async function exec(script: string): Promise<string> {
    const cmd = ["/bin/sh", "-c", script];
    return (await daemon.pods.execSync({ containerId: main, cmd, timeout: 10n })).stdout.toString();
  }

  let written = 0;
  /** Has the container write its next line to either output, and waits until both are in the log. */
  async function next(): Promise<void> {
    const number = ++written;
    const { logPath } = await containerStatus(daemon, main);
    const log = existsSync(logPath) ? logPath : rotated(logPath);
    await exec("touch /tmp/go; while [ -e /tmp/go ]; do sleep 0.01; done");
    await eventually(`line ${number}`, 30_000, async () => {
      const text = readFileSync(log, "utf8");
      return (text.includes(` line ${number}\n`) && text.includes(` err ${number}\n`)) || undefined;
    });
  }
  const rotated = (logPath: string) => `${logPath}.20200101`;

  test("cp: a directory, with links, both ways", async () => {
    const tree = join(daemon.workspace.directory, "tree");
    mkdirSync(join(tree, "sub"), { recursive: true });
    writeFileSync(join(tree, "sub/file"), "content", { mode: 0o750 });
    symlinkSync("sub/file", join(tree, "link"));
    const sent = await kubectl.run(["cp", tree, "web:/tmp/tree", "-c", "main"]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal(await exec("cat /tmp/tree/link; stat -c ' %a' /tmp/tree/sub/file"), "content 750\n");
    const back = await kubectl.run(["cp", "web:/tmp/tree", `${tree}.back`, "-c", "main"]);
    assert.equal(back.code, 0, back.stderr);
    assert.equal(readFileSync(join(`${tree}.back`, "sub/file"), "utf8"), "content");
  });

  test("debug: a container among the processes of another, at a terminal", async () => {
    const command = ["debug", "-it", "web", `--image=${busyboxImage}`, "--target=main", "--", "sh"];
    const list = "ps -o pid,args; ls -d /proc/1/root/www; echo end of  list";
    const shown = await kubectl.atTerminal(command, (shown) => {
      if (!shown.includes("end of list")) return `${list}\r`;
      return /^33 99\r$/m.test(shown) ? "exit\r" : "stty size\r"; // the size comes when the terminal is joined
    });
    assert.match(shown, /^ +1 \/bin\/sh -c/m, "the target's first process is the first");
    assert.match(shown, /^33 99\r$/m);
    assert.match(shown, /^\/proc\/1\/root\/www\r$/m, "and its files can be seen");
  });

  test("logs, and on through a rotation until the container ends", async () => {
    for (const _ of [1, 2]) await next();
    const logs = async (...options: string[]) => {
      const { code, stdout, stderr } = await kubectl.run(["logs", "web", "-c", "main", ...options]);
      assert.equal(code, 0, stderr);
      return stdout.split("\n").slice(0, -1);
    };
    assert.deepEqual((await logs()).toSorted(), ["err 1", "err 2", "line 1", "line 2"]);
    assert.deepEqual((await logs("--tail=2")).toSorted(), ["err 2", "line 2"]);
    const [stamped = ""] = await logs("--tail=1", "--timestamps");
    assert.ok(Math.abs(Date.parse(stamped.split(" ")[0] ?? "") - Date.now()) < 60_000, stamped);

    const client = kubectl.start("logs", "web", "-c", "main", "-f");
    let followed = "";
    client.stdout?.on("data", (data) => (followed += data));
    const over = new Promise((resolve) => client.once("close", resolve));
    await eventually("the log", 30_000, async () => followed.includes("line 2") || undefined);
    await next();
    const { logPath } = await containerStatus(daemon, main);
    renameSync(logPath, rotated(logPath));
    await next(); // into the old file
    await daemon.pods.reopenContainerLog({ containerId: main });
    await next();
    await exec("touch /tmp/end");
    assert.equal((await exited(daemon, main)).exitCode, 3);
    assert.equal(await over, 0);
    const lines = followed.split("\n").slice(0, -1);
    const numbered = [1, 2, 3, 4, 5].flatMap((n) => [`err ${n}`, `line ${n}`]);
    assert.deepEqual(lines.slice(0, 10).toSorted(), numbered.toSorted());
    assert.deepEqual(lines.slice(10), ["x".repeat(40_000), "over"]);
    assert.ok(statSync(logPath).size > 40_000 && statSync(rotated(logPath)).size > 0);
  });
});
