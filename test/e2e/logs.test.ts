import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AuthConfig, ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { type LogLine, logLines } from "../harness/log-lines.ts";
import { eventually, removeAllPods, removePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

describe("the daemon's log", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
  });

  after(async () => {
    try {
      await removeAllPods(daemon);
    } finally {
      await daemon.close();
    }
  });

  const ofPod = (id: string) => logLines(daemon).filter(({ pod }) => pod === id);

  test("every line about a pod names it, and the operation and call that it belongs to", async () => {
    const pod = await runPod(daemon, "logged");
    const container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
    await removePod(daemon, pod.id);
    // A line is written beside what it tells of.
    await eventually("the last call's line", 15_000, async () =>
      ofPod(pod.id).find(({ msg }) => msg === "RemovePodSandbox"),
    );
    const about = ofPod(pod.id);
    // An exit belongs to no call, even where one brought it about.
    const byCall = Map.groupBy(
      about.filter(({ msg }) => msg !== "container exited"),
      ({ call }) => call,
    );
    assert.deepEqual(
      [...byCall.values()].map((lines) => [...new Set(lines.map(({ operation }) => operation))]),
      [["RunPodSandbox"], ["CreateContainer"], ["StartContainer"], ["StopPodSandbox"], ["RemovePodSandbox"]],
    );
    for (const line of about.filter(({ step }) => step !== undefined)) {
      assert.equal(typeof line.ms, "number", JSON.stringify(line));
      assert.ok(line.operation !== undefined && line.call !== undefined, JSON.stringify(line));
    }
    const exit = about.find(({ msg }) => msg === "container exited");
    assert.deepEqual([exit?.container, exit?.reason], [container, "Error"]);
    const run = about.find(({ msg }) => msg === "RunPodSandbox");
    const { metadata } = pod.config;
    assert.deepEqual([run?.name, run?.namespace, run?.uid], ["logged", "test", metadata?.uid]);
    const create = about.find(({ msg }) => msg === "CreateContainer");
    assert.deepEqual([create?.container, create?.name], [container, "main"]);
  });

  test("a failure's one line has the step, the kind, and what was said", async () => {
    const file = join(daemon.workspace.confDir, "10-test.conflist");
    const conflist = readFileSync(file, "utf8");
    writeFileSync(file, conflist.replace('"host-local"', '"no-such-plugin"'));
    await assert.rejects(runPod(daemon, "unreachable"));
    writeFileSync(file, conflist);
    const failures = logLines(daemon).filter(({ msg }) => /^RunPodSandbox failed: /.test(String(msg)));
    assert.equal(failures.length, 1);
    const [{ level, step, kind, name, msg } = {} as LogLine] = failures;
    assert.deepEqual([level, step, kind, name], ["error", "network", "unavailable", "unreachable"]);
    assert.match(String(msg), /no-such-plugin/);
  });

  test("secrets are in no line, at the lowest level either", async () => {
    setLevel("trace");
    await levelIs("trace");
    const auth = AuthConfig.create({
      username: "mary",
      password: "her-l1ttle-lamb",
      identityToken: "t0p-secret",
    });
    // Nobody listens there.
    const image = ImageSpec.create({ image: "127.0.0.1:1/some/image:1" });
    await assert.rejects(daemon.images.pullImage({ image, auth, sandboxConfig: undefined }));
    const pod = await runPod(daemon, "secretive");
    const config = {
      ...shellConfig("main", busyboxImage, "sleep 999"),
      envs: [{ key: "PW", value: Buffer.from("env-s3cret") }],
    };
    const containerId = await runContainer(daemon, pod, config);
    await daemon.pods.execSync({ containerId, cmd: ["echo", "arg-s3cret"] });
    await removePod(daemon, pod.id);
    const text = readFileSync(daemon.logFile, "utf8");
    assert.match(text, /"operation":"ExecSync"/);
    assert.match(text, /"image":"127.0.0.1:1\/some\/image:1"/);
    assert.doesNotMatch(text, /her-l1ttle-lamb|t0p-secret|env-s3cret|arg-s3cret/);
  });

  test("HUP reads the level anew; settings that can't be read change nothing", async () => {
    setLevel("error");
    await levelIs("error");
    const before = logLines(daemon).length;
    await removePod(daemon, (await runPod(daemon, "silent")).id);
    assert.equal(logLines(daemon).length, before);
    setLevel("loud");
    const refused = await eventually("a refusal", 5000, async () =>
      logLines(daemon).find(({ msg }) => /they stay as they were/.test(String(msg))),
    );
    assert.match(String(refused.err), /log\.level must be one of/);
    setLevel("debug");
    await levelIs("debug");
    const pod = await runPod(daemon, "heard");
    assert.ok(ofPod(pod.id).some(({ level }) => level === "debug"));
    await removePod(daemon, pod.id);
  });

  test("as text, a line has the same fields for people", async () => {
    setLevel('debug"\nformat = "text');
    await daemon.stop();
    await daemon.launch();
    const pod = await runPod(daemon, "readable");
    await removePod(daemon, pod.id);
    const line = readFileSync(daemon.logFile, "utf8")
      .split("\n")
      .find((one) => one.includes("pod sandbox is up") && one.includes(pod.id));
    assert.match(
      line ?? "",
      /^\S+Z INFO {2}pod sandbox is up {2}operation=RunPodSandbox {2}call=\d+ {2}pod=/,
    );
    assert.match(line ?? "", /name=test\/readable {2}ms=[\d.]+ {2}timeline=\[/);
    rmSync(join(daemon.workspace.directory, "config.d"), { recursive: true });
  });

  /** In a file that is laid over the others. The daemon is told to read it. */
  function setLevel(level: string): void {
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(join(dropIns, "log.toml"), `[log]\nlevel = "${level}"\n`);
    process.kill(daemon.pid, "SIGHUP");
  }

  /** Waits until the daemon has taken the level: it says so, unless it is to be silent from then on. */
  function levelIs(level: string): Promise<LogLine> {
    return eventually(`the level ${level}`, 5000, async () =>
      logLines(daemon).find((line) => line.logLevel === level),
    );
  }
});
