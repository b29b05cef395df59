import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerState, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { Inspector } from "../harness/inspector.ts";
import { patience } from "../harness/patience.ts";
import {
  containerStatus,
  eventually,
  type MadePod,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { BerthUnit, repository } from "../harness/service.ts";
import { openAttach, openExec, textOf } from "../harness/stream-client.ts";

/** Writes a line every tenth of a second: one that is missing shows that somebody was held up or killed. */
const counter = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done";
const watchdogSeconds = 5 * patience;
const withinMs = 60_000;
/** Enough to start with. */
const heapMebibytes = 48;

describe("berth as a systemd service", privileged, () => {
  let unit: BerthUnit;
  let pod: MadePod;
  let main: string;
  let log: string;
  let init: string;

  before(async () => {
    unit = await BerthUnit.install();
    await unit.start();
    await importBusybox(unit);
    pod = await runPod(unit, "served");
    main = await runContainer(unit, pod, shellConfig("main", busyboxImage, counter));
    log = join(pod.config.logDirectory, "main.log");
    init = await initOf(main);
  });
  after(() => unit?.[Symbol.asyncDispose]());

  test("is started once it serves, and says what it serves", async () => {
    assert.equal(await unit.property("ActiveState"), "active");
    await eventually("the status", withinMs, async () => {
      const status = await unit.property("StatusText");
      return / serves \S+berth\.sock: 1 pod ready, 1 container running$/.test(status) ? true : undefined;
    });
    const verified = await unit.systemd.inside(
      "systemd-analyze",
      "verify",
      `/run/systemd/system/${unit.name}`,
    );
    assert.doesNotMatch(verified.stderr, new RegExp(unit.name), verified.stderr);
  });

  test("its log is in the journal, with a field for each thing", async () => {
    const serves = (await unit.journal("SYSLOG_IDENTIFIER=berth")).find(({ MESSAGE }) =>
      MESSAGE?.startsWith("berth serves"),
    );
    assert.equal(serves?.PRIORITY, "6");
    assert.equal(serves?.BERTH_SOCKET, unit.workspace.socket);
    const ofContainer = await unit.journal(`BERTH_CONTAINER=${main}`);
    assert.ok(ofContainer.some(({ BERTH_OPERATION }) => BERTH_OPERATION === "StartContainer"));
    assert.ok(ofContainer.every(({ BERTH_CONTAINER }) => BERTH_CONTAINER === main));
  });

  test("containers and monitors are not of the unit: not its cgroup, score, limits or environment", async () => {
    const daemonPid = await unit.property("MainPID");
    const group = `/sys/fs/cgroup${await unit.property("ControlGroup")}`;
    const ofUnit = await inside("find", group, "-name", "cgroup.procs", "-exec", "cat", "{}", "+");
    assert.equal(ofUnit.trim(), daemonPid);
    const monitor = /^PPid:\s+(\d+)$/m.exec(await inside("cat", `/proc/${init}/status`))?.[1];
    const { stdout } = await unit.pods.execSync({
      containerId: main,
      cmd: ["sh", "-c", "cat /proc/self/oom_score_adj; ulimit -S -c; ulimit -H -c; env"],
      timeout: 30n,
    });
    const [score, softCore, hardCore, ...environment] = Buffer.from(stdout).toString().split("\n");
    const mayLower = (await inside("cat", `/proc/${daemonPid}/oom_score_adj`)).trim() === "-999";
    assert.deepEqual([score, softCore, hardCore], ["0", "unlimited", "unlimited"]);
    const monitorScore = Number(await inside("cat", `/proc/${monitor}/oom_score_adj`));
    assert.ok(mayLower ? monitorScore < 0 : monitorScore === 0, `${monitorScore}`);
    const environments = await Promise.all(
      [init, monitor].map((pid) => inside("cat", `/proc/${pid}/environ`)),
    );
    for (const text of [environment.join("\n"), ...environments])
      assert.doesNotMatch(text, /NOTIFY|WATCHDOG|JOURNAL|INVOCATION|BERTH_CONFIG/);
    assert.match(await inside("cat", `/proc/${daemonPid}/limits`), /^Max core file size +0 +unlimited/m);
  });

  test("a restart: containers run on, streams end, the pod is ready and can be used", async () => {
    const stdin = await runContainer(unit, pod, shellConfig("cat", busyboxImage, "cat", { stdin: true }));
    const attached = await openAttach(unit, { containerId: stdin, stdin: true });
    const command = await openExec(unit, { containerId: main }, ["sleep", "9999"]);
    const ends = Promise.all([textOf(attached.stdout), textOf(command.stdout)]);
    const before = await unit.property("MainPID");
    await succeeds("restart");
    assert.deepEqual(await ends, ["", ""]);
    assert.notEqual(await unit.property("MainPID"), before);
    await assertUntouched();
    const again = await openAttach(unit, { containerId: stdin, stdin: true });
    again.stdin.write("after\n");
    await new Promise((resolve) => again.stdout.once("data", resolve));
    again.session.close();
    const cmd = ["sh", "-c", "ps | grep -c '[s]leep 9999'"];
    await eventually("the command to end with its stream", withinMs, async () => {
      const { stdout } = await unit.pods.execSync({ containerId: main, cmd, timeout: 30n });
      return Buffer.from(stdout).toString() === "0\n" || undefined;
    });
  });

  test("kill -9: systemd starts it again, and containers run on", async () => {
    const before = await unit.property("MainPID");
    await unit.systemctl("kill", "--signal=KILL", "--kill-whom=main");
    await backAfter(before);
    await assertUntouched();
  });

  test("one that hangs is found by the watchdog, ended without a core file and started again", async () => {
    await unit.dropIn("watchdog", `[Service]\nWatchdogSec=${watchdogSeconds}\n`);
    await succeeds("restart");
    const before = await unit.property("MainPID");
    await inside("kill", "-STOP", before);
    await unit.dropIn("watchdog", "");
    await backAfter(before);
    await assertUntouched();
    const { stdout } = await unit.systemd.inside(
      "journalctl",
      "--no-pager",
      "--output=cat",
      `UNIT=${unit.name}`,
    );
    assert.match(stdout, /Watchdog timeout/);
    assert.match(stdout, /Main process exited, code=killed, status=6\/ABRT/);
  });

  test("one whose heap is full is ended by V8 and started again; what it was at is undone or done", async () => {
    await unit.dropIn(
      "heap",
      `[Service]\nEnvironment="NODE_OPTIONS=--max-old-space-size=${heapMebibytes} --inspect=127.0.0.1:0"\n`,
    );
    await succeeds("restart");
    const before = await unit.property("MainPID");
    const said = await eventually("its debugger's address in the journal", withinMs, async () => {
      const entries = await unit.journal(`_PID=${before}`);
      return entries.find(({ MESSAGE }) => MESSAGE?.includes("ws://"))?.MESSAGE;
    });
    using inspector = await Inspector.openAt(said);
    await unit.dropIn("heap", "");
    const inFlight = runPod(unit, "in-flight").catch(() => undefined);
    void inspector.call("Runtime.evaluate", {
      expression: "for (const all = []; ; ) all.push(new Array(1000).fill(0.5))",
    });
    await backAfter(before);
    await inFlight;
    await assertUntouched();
    const { items } = await unit.pods.listPodSandbox({});
    for (const { id } of items) if (id !== pod.id) await removePod(unit, id);
    const printed = (await unit.journal(`_PID=${before}`)).map(({ MESSAGE }) => MESSAGE).join("\n");
    assert.match(printed, /FATAL ERROR: .*heap/i);
  });

  test("a reload: settings with mistakes fail it and change nothing; what waits for a restart is told", async () => {
    const before = await unit.property("MainPID");
    const config = readFileSync(unit.workspace.configFile, "utf8");
    const write = (text: string) =>
      inside("sh", "-c", 'printf %s "$2" >"$1"', "sh", unit.workspace.configFile, text);
    await write(`nonsense = 1\n${config}`);
    const refused = await unit.systemctl("reload");
    assert.notEqual(refused.code, 0);
    await eventually("the reason", withinMs, async () => {
      const errors = await unit.journal("PRIORITY=3");
      return errors.some(({ MESSAGE }) => /no setting nonsense/.test(MESSAGE ?? "")) || undefined;
    });
    await write(
      config.replace('level = "debug"', 'level = "info"').replace(/addDeadline = .*/, 'addDeadline = "20s"'),
    );
    await succeeds("reload");
    await eventually("the status to name what waits", withinMs, async () => {
      const status = await unit.property("StatusText");
      return /network\.addDeadline changed: wait/.test(status) ? true : undefined;
    });
    await write(config);
    await succeeds("reload");
    assert.equal(await unit.property("MainPID"), before);
    assert.equal(await unit.property("ActiveState"), "active");
  });

  test("an upgrade beneath a running daemon: it goes on with its own files, a restart takes the new ones", async () => {
    const [, made = ""] = /\((\S+)\)/.exec(await unit.installFrom(unit.treeOf("0.1.999"))) ?? [];
    const library = join(unit.prefix, "lib/berth/releases");
    const { runtimeVersion } = await unit.pods.version({});
    assert.match(made, /^0\.1\.999-/);
    assert.notEqual(runtimeVersion, "0.1.999");
    // What is loaded late: a thread for layers, the code of streams.
    await importBusybox(unit);
    const command = await openExec(unit, { containerId: main }, ["echo", "of the old one"]);
    assert.equal(await textOf(command.stdout), "of the old one\n");
    command.session.close();
    await succeeds("restart");
    assert.equal((await unit.pods.version({})).runtimeVersion, "0.1.999");
    await assertUntouched();
    const names = async () => (await inside("ls", library)).trim().split("\n");
    assert.equal((await names()).length, 2);
    await inside(join(repository, "packaging/install/remove-old-releases.sh"), join(library, ".."));
    assert.deepEqual(await names(), [made]);
  });

  test("a database of a newer berth is refused, with the reason as status; it starts once that is mended", async () => {
    await succeeds("stop");
    const database = join(unit.workspace.root, "berth.db");
    const setVersion = (version: number) =>
      inside(
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        "-e",
        `const d = new (require("node:sqlite").DatabaseSync)(${JSON.stringify(database)});
         console.log(d.prepare("PRAGMA user_version").get().user_version); d.exec("PRAGMA user_version = ${version}"); d.close()`,
      );
    const now = Number(await setVersion(999));
    await unit.systemctl("start", "--no-block");
    await eventually("the refusal", withinMs, async () => {
      const errors = await unit.journal("PRIORITY=3");
      return (
        errors.some(({ MESSAGE }) => /written by a newer berth: schema 999/.test(MESSAGE ?? "")) || undefined
      );
    });
    await eventually("the reason as status", withinMs, async () =>
      /schema 999/.test(await unit.property("StatusText")) ? true : undefined,
    );
    await setVersion(now);
    await eventually("its next try", withinMs, async () =>
      (await unit.property("ActiveState")) === "active" ? true : undefined,
    );
    await assertUntouched();
  });

  test("a stop leaves containers running; after a start they can be stopped and removed, and nothing is left", async () => {
    await succeeds("stop");
    assert.equal(await unit.property("ActiveState"), "inactive");
    await assertCounts();
    await unit.start();
    await assertUntouched();
    await unit.pods.stopContainer({ containerId: main, timeout: 0n });
    await unit.pods.stopPodSandbox({ podSandboxId: pod.id });
    await unit.pods.removePodSandbox({ podSandboxId: pod.id });
    const doctor = await unit.command("doctor", "--leaks");
    assert.equal(doctor.code, 0, doctor.stdout);
    assert.ok(!existsSync(join(unit.workspace.directory, "core")));
  });

  async function inside(...command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await unit.systemd.inside(...command);
    assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
    return stdout;
  }

  async function succeeds(verb: string): Promise<void> {
    const { code, stderr } = await unit.systemctl(verb);
    assert.equal(code, 0, `systemctl ${verb}: ${stderr}\n${await unit.logTail()}`);
  }

  /** Waits until another process than `pid` serves. */
  async function backAfter(pid: string): Promise<void> {
    await eventually("systemd to start it again", withinMs + watchdogSeconds * 1000, async () => {
      const { stdout } = await unit.systemctl("show", "--property=ActiveState,SubState,MainPID");
      const isUp = stdout.includes("ActiveState=active\n") && stdout.includes("SubState=running\n");
      return isUp && !stdout.includes(`MainPID=${pid}\n`) ? true : undefined;
    });
  }

  async function initOf(containerId: string): Promise<string> {
    const { info } = await unit.pods.containerStatus({ containerId, verbose: true });
    return String(JSON.parse(info.info ?? "{}").pid);
  }

  /** The pod is ready, its container the same process as ever, and no line of its log is missing. */
  async function assertUntouched(): Promise<void> {
    const { status } = await unit.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
    const container = await containerStatus(unit, main);
    assert.equal(container.state, ContainerState.CONTAINER_RUNNING);
    assert.equal(await initOf(main), init);
    const { stdout } = await unit.pods.execSync({ containerId: main, cmd: ["echo", "here"], timeout: 30n });
    assert.equal(Buffer.from(stdout).toString(), "here\n");
    await assertCounts();
  }

  async function assertCounts(): Promise<void> {
    const numbers = () =>
      readFileSync(log, "utf8")
        .split("\n")
        .slice(0, -1) // whole lines
        .map((line) => Number(line.split(" ").at(-1)));
    const before = numbers();
    assert.deepEqual(
      before,
      Array.from(before, (_, index) => index + 1),
    );
    await eventually("more of its log", withinMs, async () => numbers().length > before.length || undefined);
  }
});
