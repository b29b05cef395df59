import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { Mount } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  exited,
  podConfig,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const config = `
[runtime.handlers.crun]
allowedAnnotations = ["link-logs.crio.io"]
`;

describe("what pods ask for by CRI-O's annotations", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun", extraConfig: config });
    await importBusybox(daemon);
  });
  afterEach(async () => {
    await removeAllPods(daemon);
    await assertNoLeaks(daemon);
  });
  after(() => endDaemon(daemon));

  async function said(containerId: string, script: string): Promise<string> {
    const { stdout, stderr } = await daemon.pods.execSync({
      containerId,
      cmd: ["sh", "-c", script],
      timeout: 10n,
    });
    return Buffer.concat([stdout, stderr]).toString();
  }

  test("a pod's logs are in its volume, by name and by container, while each lasts", async () => {
    const { metadata, logDirectory } = podConfig(daemon, "linked");
    const annotations = { "io.kubernetes.cri-o.LinkLogs": "logs" };
    const pod = await runPod(daemon, "linked", { metadata, logDirectory, annotations });
    const volumes = join(
      daemon.workspace.directory,
      "kubelet/pods",
      metadata?.uid ?? "",
      "volumes/kubernetes.io~empty-dir",
    );
    const volume = join(volumes, "logs");
    mkdirSync(volume, { recursive: true });
    writeFileSync(join(volume, "own"), "");
    const start = (name: string, script: string) => {
      mkdirSync(join(logDirectory, name));
      const mounts = [Mount.create({ containerPath: "/logs", hostPath: volume })];
      return runContainer(
        daemon,
        pod,
        shellConfig(name, busyboxImage, script, { mounts, logPath: `${name}/0.log` }),
      );
    };
    const reader = await start("reader", "exec sleep 1000");
    const writer = await start("writer", "echo a word");
    await exited(daemon, writer);
    assert.match(await said(reader, "cat /logs/writer/0.log"), /stdout F a word/);
    assert.match(await said(reader, `cat /logs/${writer}.log`), /stdout F a word/);
    assert.equal(readlinkSync(join(logDirectory, `${writer}.log`)), "writer/0.log");
    assert.match(await said(reader, "echo no > /logs/writer/0.log"), /Read-only file system/);
    await daemon.pods.removeContainer({ containerId: writer });
    assert.equal(await said(reader, "ls /logs"), `${reader}.log\nreader\nwriter\n`);
    assert.deepEqual(readdirSync(volume), ["own"], "nothing was done where the kubelet will remove it");
  });

  test("those that change nothing are told of, with why, in the log and by berth inspect", async () => {
    const annotations = {
      "devices.crio.io": "/dev/fuse",
      "userns-mode.crio.io": "auto",
      "link-logs.crio.io": "logs",
      app: "x",
    };
    const pod = await runPod(daemon, "told", { annotations });
    const { stdout } = await daemon.command("inspect", "--type", "pod", pod.id);
    assert.deepEqual(
      stdout.match(/^passed over .*$/gm)?.map((line) => line.replace(/ +/g, " ")),
      [
        "passed over devices.crio.io: runtime.handlers.crun.allowedAnnotations does not have devices.crio.io",
        "passed over userns-mode.crio.io: a pod with hostUsers: false has a user namespace",
      ],
    );
    const line = await eventually("the log to tell of them", 30_000, async () =>
      readFileSync(daemon.logFile, "utf8")
        .split("\n")
        .find((one) => one.includes(pod.id) && one.includes("annotations of a pod are passed over")),
    );
    assert.match(line, /"annotation":"devices\.crio\.io".*"annotation":"userns-mode\.crio\.io"/);
  });
});
