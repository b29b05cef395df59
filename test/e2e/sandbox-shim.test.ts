import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import {
  gone,
  isAlive,
  logHas,
  sandboxContainerShim,
  shimOf,
  type TriedShim,
  triedShim,
} from "../harness/sandbox-shim.ts";
import { openPort, openPorts, textOf } from "../harness/stream-client.ts";

/** Long enough for a virtual machine under software emulation. */
const deadlines =
  '[deadline]\nrunPod = "3m"\ncreateContainer = "3m"\nstartContainer = "3m"\nstopPod = "3m"\n';
const port = 8080;
const untilTold = "trap 'exit 7' TERM; echo second; while :; do sleep 0.1; done";

describe("pods in sandboxes by a shim", privileged, () => {
  let shim: TriedShim;
  let daemon: TestDaemon;

  before(async () => {
    shim = triedShim(sandboxContainerShim);
    const mounts = shim.isPlayed ? {} : { mounts: "own" as const, prepare: () => "mount --make-rshared /" };
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: shim.config + deadlines, ...mounts });
    await importBusybox(daemon);
  });
  after(async () => {
    await endDaemon(daemon);
    shim.close();
  });

  const runSandboxed = (name: string) => runPod(daemon, name, {}, "sandboxed");
  const run = (pod: MadePod, name: string, script: string) =>
    runContainer(daemon, pod, shellConfig(name, busyboxImage, script));
  const runFirst = (pod: MadePod) => run(pod, "first", "echo out; echo err >&2; exec sleep 1000");
  const sandboxOf = async (containerId: string): Promise<number> => {
    const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
    return JSON.parse(info.info ?? "{}").pid;
  };
  const remove = async ({ id }: MadePod, sandbox: number) => {
    await removePod(daemon, id);
    await gone(sandbox);
    await assertNoLeaks(daemon);
    assert.deepEqual(shim.booksOf(id), []);
  };
  const addressOf = async ({ id: podSandboxId }: MadePod) =>
    (await daemon.pods.podSandboxStatus({ podSandboxId, verbose: false })).status?.network?.ip ?? "";

  /** Something that answers at the pod's address alone: what listens in a sandbox is not at the namespace's loopback. */
  async function listenAt(address: string, pod: MadePod): Promise<Disposable> {
    const program = `require("node:net").createServer((socket) => socket.end("here\\n"))
      .listen(${port}, "${address}", () => console.log("listens"))`;
    const netns = join(daemon.workspace.state, "pods", pod.id, "ns/net");
    const child = spawn("nsenter", [`--net=${netns}`, process.execPath, "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    assert.match(String(said), /listens/);
    return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
  }

  test("two containers, a command, logs, statistics, a port; one ends alone, and nothing is left", async () => {
    const pod = await runSandboxed("two");
    const first = await runFirst(pod);
    const second = await run(pod, "second", untilTold);
    await Promise.all([
      logHas(first, "stdout F out\n", daemon),
      logHas(first, "stderr F err\n", daemon),
      logHas(second, "second", daemon),
    ]);
    const listen = `nc -l -p ${port} -e echo here </dev/null >/dev/null 2>&1`;
    const listens = `grep -qi :${port.toString(16)} /proc/net/tcp /proc/net/tcp6`;
    const cmd = ["sh", "-c", `echo in; ${listen} & until ${listens}; do sleep 0.1; done; exit 3`];
    const { stdout, exitCode } = await daemon.pods.execSync({ containerId: first, cmd, timeout: 60n });
    assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ["in\n", 3]);
    const { stats } = await daemon.pods.containerStats({ containerId: first });
    assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n);
    assert.ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
    const address = await addressOf(pod);
    {
      using _listener = shim.isPlayed ? await listenAt(address, pod) : undefined;
      const session = await openPorts(daemon, pod.id);
      const { data, error } = openPort(session, port, 0);
      data.end();
      assert.deepEqual(await Promise.all([textOf(data), textOf(error)]), ["here\n", ""]);
      session.destroy();
    }
    const sandbox = await sandboxOf(first);
    assert.equal(sandbox, await sandboxOf(second));
    await daemon.pods.stopContainer({ containerId: second, timeout: 60n });
    assert.equal((await exited(daemon, second)).exitCode, 7);
    await daemon.pods.removeContainer({ containerId: second });
    assert.ok(isAlive(sandbox), "the sandbox is the other container's, too");
    await daemon.pods.stopContainer({ containerId: first, timeout: 0n });
    assert.equal((await exited(daemon, first)).exitCode, 137);
    await remove(pod, sandbox);
  });

  const isPlayed = process.env.BERTH_TEST_SANDBOX_SHIM === undefined;
  const noSandbox = isPlayed && "NOT RUN: takes a real sandbox (BERTH_TEST_SANDBOX_SHIM)";

  test("after kill -9 of the daemon the sandbox runs on, and the next one knows its containers", {
    skip: noSandbox,
  }, async () => {
    const pod = await runSandboxed("survivor");
    const first = await runFirst(pod);
    const second = await run(pod, "second", untilTold);
    const sandbox = await sandboxOf(first);
    await daemon.kill();
    await daemon.launch();
    assert.equal(await sandboxOf(second), sandbox);
    await daemon.pods.stopContainer({ containerId: second, timeout: 60n });
    assert.equal((await exited(daemon, second)).exitCode, 7);
    await remove(pod, sandbox);
  });

  test("a container that ends while no daemon runs is known to have ended, and the other of its sandbox runs on", {
    skip: noSandbox,
  }, async () => {
    const pod = await runSandboxed("alone");
    const first = await runFirst(pod);
    const second = await run(pod, "second", "sleep 3; echo over; exit 5");
    const { logPath } = await containerStatus(daemon, second);
    await daemon.kill();
    await eventually(
      "its last words",
      30_000,
      async () => readFileSync(logPath, "utf8").includes("over") || undefined,
    );
    await sleep(1000); // for its shim to tell somebody, who is not there
    await daemon.launch();
    assert.equal((await exited(daemon, second)).exitCode, 5);
    const { stdout } = await daemon.pods.execSync({
      containerId: first,
      cmd: ["echo", "lives"],
      timeout: 60n,
    });
    assert.equal(String(stdout), "lives\n");
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  test("a container that was never started is removed, and the other of its sandbox runs on", {
    skip: noSandbox,
  }, async () => {
    const pod = await runSandboxed("unstarted");
    const first = await runFirst(pod);
    const request = { podSandboxId: pod.id, sandboxConfig: pod.config };
    const config = shellConfig("never", busyboxImage, "exit 0");
    const { containerId } = await daemon.pods.createContainer({ ...request, config });
    await daemon.pods.removeContainer({ containerId });
    const { exitCode } = await daemon.pods.execSync({ containerId: first, cmd: ["true"], timeout: 60n });
    assert.equal(exitCode, 0);
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  const shimPid = async (pod: MadePod) => shimOf(pod, daemon);
  const sandboxPid = (_pod: MadePod, first: string) => sandboxOf(first);
  for (const { what, pidsOf, isAway, skip } of [
    { what: "shim", pidsOf: [shimPid], isAway: false, skip: false },
    { what: "shim", pidsOf: [shimPid], isAway: true, skip: false },
    { what: "sandbox", pidsOf: [sandboxPid], isAway: false, skip: noSandbox },
    { what: "shim and the sandbox", pidsOf: [shimPid, sandboxPid], isAway: false, skip: noSandbox },
    { what: "shim and the sandbox", pidsOf: [shimPid, sandboxPid], isAway: true, skip: noSandbox },
  ]) {
    const when = isAway ? " while no daemon runs" : "";
    const title = `after kill -9 of the ${what}${when} the pod is not ready, its containers have ended, and nothing is left`;
    test(title, { skip }, async () => {
      const pod = await runSandboxed(`without-${what.replaceAll(" ", "-")}${isAway ? "-away" : ""}`);
      const first = await runFirst(pod);
      const containers = [first, await run(pod, "second", untilTold)];
      const sandbox = await sandboxOf(first);
      const pids = await Promise.all(pidsOf.map((pidOf) => pidOf(pod, first)));
      if (isAway) await daemon.kill();
      for (const pid of pids) process.kill(pid, "SIGKILL");
      if (isAway) await daemon.launch();
      for (const container of containers) {
        const { exitCode } = await exited(daemon, container, 60_000);
        assert.notEqual(exitCode, 0);
      }
      await eventually("the pod not to be ready", 30_000, async () => {
        const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: false });
        return status?.state === PodSandboxState.SANDBOX_NOTREADY ? true : undefined;
      });
      await remove(pod, sandbox);
    });
  }
});
