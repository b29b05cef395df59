import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { version } from "../../src/base/version.ts";
import { DatagramReceiver } from "../../src/linux/testing/datagram-receiver.ts";
import { LinuxContainerConfig } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { eventually, removeAllPods, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const watchdogMs = 2000;

describe("what the daemon tells a service manager, and its containers don't know of", privileged, () => {
  let daemon: TestDaemon;
  let base: string;
  let manager: DatagramReceiver;
  const heard: string[] = [];

  before(async () => {
    base = mkdtempSync(join(tmpdir(), "berth-notices-"));
    manager = new DatagramReceiver(join(base, "notify"));
    const asked = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: String(watchdogMs * 1000) };
    Object.assign(process.env, asked);
    daemon = await TestDaemon.start({ runtime: "crun" }).finally(() => {
      for (const name of Object.keys(asked)) delete process.env[name];
    });
    await importBusybox(daemon);
  });
  after(async () => {
    try {
      await removeAllPods(daemon);
    } finally {
      await daemon.close();
      manager[Symbol.dispose]();
      rmSync(base, { recursive: true });
    }
  });

  /** Waits for a notice that was not waited for before. */
  const notice = (what: RegExp) =>
    eventually(`${what}`, 15_000, async () => {
      heard.push(...manager.takeTexts());
      const at = heard.findIndex((text) => what.test(text));
      return at === -1 ? undefined : heard.splice(0, at + 1).at(-1);
    });

  test("how its start goes on, that it serves, and that its event loop turns", async () => {
    await notice(/^STATUS=starts: .*\nEXTEND_TIMEOUT_USEC=\d+$/);
    const ready = await notice(/^READY=1\n/);
    assert.equal(
      ready,
      `READY=1\nSTATUS=berth ${version} serves ${daemon.workspace.socket}: 0 pods ready, 0 containers running`,
    );
    await notice(/^WATCHDOG=1$/);
    await notice(/^WATCHDOG=1$/);
  });

  test("monitor, container and commands in it have none of that, and limits of their own", async () => {
    const pod = await runPod(daemon, "unaware");
    const show =
      "tr '\\0' '\\n' </proc/self/environ; ulimit -S -c; ulimit -H -c; cat /proc/self/oom_score_adj";
    const linux = LinuxContainerConfig.create({ resources: { oomScoreAdj: 500n } });
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999", { linux }));
    const { stdout } = await daemon.pods.execSync({
      containerId: id,
      cmd: ["sh", "-c", show],
      timeout: 10n,
    });
    const said = Buffer.from(stdout).toString();
    assert.match(said, /\nunlimited\nunlimited\n500\n$/);
    assert.doesNotMatch(said, /NOTIFY_SOCKET|WATCHDOG/);
    const { info } = await daemon.pods.containerStatus({ containerId: id, verbose: true });
    const init: number = JSON.parse(info.info ?? "{}").pid;
    const { PPid: monitor } = Object.fromEntries(
      readFileSync(`/proc/${init}/status`, "utf8")
        .split("\n")
        .map((line) => line.split(":\t")),
    );
    for (const pid of [init, monitor]) {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      assert.doesNotMatch(environment, /NOTIFY_SOCKET|WATCHDOG/);
    }
    assert.match(readFileSync(`/proc/${init}/limits`, "utf8"), /^Max core file size +unlimited +unlimited/m);
    const status = readFileSync(`/proc/${init}/status`, "utf8");
    assert.match(status, /^Umask:\t0022$/m);
    assert.match(status, /^SigBlk:\t0+$/m);
  });

  test("settings that are read again: what waits for a restart, and mistakes", async () => {
    setConfig('[cgroup]\nparent = "/elsewhere"\n');
    await notice(/^RELOADING=1\nMONOTONIC_USEC=\d+\n/);
    assert.match((await notice(/^READY=1\n/)) ?? "", /; cgroup\.parent changed: wait for a restart$/);
    setConfig("[cgroup]\nparents = 1\n");
    await notice(/^RELOADING=1\n/);
    assert.match(
      (await notice(/^READY=1\n/)) ?? "",
      /; the settings can't be read again: .*cgroup\.parents.*did you mean cgroup\.parent/,
    );
    rmSync(join(daemon.workspace.directory, "config.d"), { recursive: true });
    process.kill(daemon.pid, "SIGHUP");
    await notice(/^RELOADING=1\n/);
    assert.match((await notice(/^READY=1\n/)) ?? "", /running$/);
  });

  test("that it ends", async () => {
    assert.equal(await daemon.stop(), 0);
    await notice(/^STOPPING=1\nSTATUS=ends; containers run on$/);
    await daemon.launch();
  });

  function setConfig(text: string): void {
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(join(dropIns, "99.toml"), text);
    process.kill(daemon.pid, "SIGHUP");
  }
});
