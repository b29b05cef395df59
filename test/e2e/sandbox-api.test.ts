import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Mount, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  exited,
  type MadePod,
  podConfig,
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
  sandboxApiShim,
  shimOf,
  type TriedShim,
  triedShim,
} from "../harness/sandbox-shim.ts";

/** runc's shim: Debian's, or the one that BERTH_TEST_SHIM names by an absolute path. */
const without = `
[runtime.handlers.without]
type = "io.containerd.runc.v2"
runtimePath = "${process.env.BERTH_TEST_SHIM ?? ""}"
sandboxer = "shim"
`;

describe("a shim that can't make sandboxes by itself", privileged, () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: without });
  });
  after(() => endDaemon(daemon));

  test("is told of with what to change, where a pod asks for it and by the doctor, and none is left", async () => {
    const wrong = /containerd-shim-runc-v2 has no sandbox API, which sandboxer = "shim" needs/;
    await assert.rejects(runPod(daemon, "refused", {}, "without"), ({ message }: Error) => {
      assert.match(message, wrong);
      assert.match(message, /leave runtime\.handlers\.without\.sandboxer out/);
      return true;
    });
    const { stdout } = await daemon.command("doctor", "runtimes");
    assert.match(stdout, wrong);
    assert.match(stdout, /leave runtime\.handlers\.without\.sandboxer out, or set its runtimePath/);
    assert.deepEqual(readdirSync(join(daemon.workspace.state, "shims")), []);
    await assertNoLeaks(daemon);
  });
});

const untilTold = "trap 'exit 7' TERM; echo second; while :; do sleep 0.1; done";
const isPlayed = process.env.BERTH_TEST_SANDBOX_API_SHIM === undefined;
const noShim = isPlayed && "NOT RUN: takes a real shim (BERTH_TEST_SANDBOX_API_SHIM)";

describe("pods whose shim makes the sandbox by itself", privileged, () => {
  let shim: TriedShim;
  let daemon: TestDaemon;

  before(async () => {
    shim = triedShim(sandboxApiShim);
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: shim.config });
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
  const exec = async (containerId: string, ...cmd: string[]) => {
    const { stdout, exitCode } = await daemon.pods.execSync({ containerId, cmd, timeout: 20n });
    return [Buffer.from(stdout).toString(), exitCode];
  };
  const shimDirectory = ({ id }: MadePod) => join(daemon.workspace.state, "shims", id);
  const inspect = async ({ id: podSandboxId }: MadePod) => {
    const { status, info } = await daemon.pods.podSandboxStatus({ podSandboxId, verbose: true });
    return { status, own: JSON.parse(info.info ?? "{}"), sandbox: JSON.parse(info.sandbox ?? "{}") };
  };
  /** What StartSandbox named, or else what all containers run in, such as a hypervisor. Undefined: the shim itself. */
  const sandboxProcess = async (pod: MadePod, first: string): Promise<number | undefined> => {
    const { init, monitor } = (await inspect(pod)).own.state.init;
    if (init.pid !== monitor.pid) return init.pid;
    const second = await run(pod, "second", "exec sleep 1000");
    const [one, other] = await Promise.all([first, second].map(pidOf));
    return one === other ? one : undefined;
  };
  const pidOf = async (containerId: string): Promise<number> => {
    const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
    return JSON.parse(info.info ?? "{}").pid;
  };
  const isReady = async (pod: MadePod) =>
    (await inspect(pod)).status?.state === PodSandboxState.SANDBOX_READY;
  const notReady = (pod: MadePod) =>
    eventually("the pod not to be ready", 30_000, async () => (await isReady(pod)) === false || undefined);

  test("two containers, a command, logs, statistics; the sandbox outlives them, and ends with the pod", async () => {
    const pod = await runSandboxed("two");
    const first = await runFirst(pod);
    const second = await run(pod, "second", untilTold);
    await Promise.all([
      logHas(first, "stdout F out\n", daemon),
      logHas(first, "stderr F err\n", daemon),
      logHas(second, "second", daemon),
    ]);
    assert.deepEqual(await exec(first, "sh", "-c", "echo in; exit 3"), ["in\n", 3]);
    const { stats } = await daemon.pods.containerStats({ containerId: first });
    assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n);
    const { own, sandbox } = await inspect(pod);
    assert.equal(own.sandboxer, "shim");
    const { linux } = JSON.parse(readFileSync(join(shimDirectory(pod), "config.json"), "utf8"));
    assert.equal(linux.cgroupsPath, join(own.cgroup, pod.id), "where the shim may put what it makes");
    assert.match(sandbox.platform, /^linux\//);
    await daemon.pods.stopContainer({ containerId: second, timeout: 20n });
    assert.equal((await exited(daemon, second)).exitCode, 7);
    await daemon.pods.removeContainer({ containerId: second });
    await daemon.pods.stopContainer({ containerId: first, timeout: 0n });
    assert.equal((await exited(daemon, first)).exitCode, 137);
    const shimPid = shimOf(pod, daemon);
    assert.ok((await isReady(pod)) && isAlive(shimPid), "the sandbox goes on without containers");
    const third = await run(pod, "third", "echo third");
    assert.equal((await exited(daemon, third)).exitCode, 0);
    assert.equal(shimOf(pod, daemon), shimPid);
    await removePod(daemon, pod.id);
    await gone(shimPid);
    await assertNoLeaks(daemon);
  });

  test("what is in a volume stays, though its container was never started", { skip: noShim }, async () => {
    const pod = await runSandboxed("unstarted");
    const first = await runFirst(pod);
    const volume = mkdtempSync(join(tmpdir(), "berth-volume-"));
    writeFileSync(join(volume, "file"), "kept");
    const mounts = [Mount.create({ containerPath: "/data", hostPath: volume })];
    const config = shellConfig("second", busyboxImage, "exec sleep 1000", { mounts });
    await daemon.pods.createContainer({ podSandboxId: pod.id, config, sandboxConfig: pod.config });
    assert.deepEqual(await exec(first, "echo", "in"), ["in\n", 0]);
    await removePod(daemon, pod.id);
    assert.equal(readFileSync(join(volume, "file"), "utf8"), "kept");
    rmSync(volume, { recursive: true });
    await assertNoLeaks(daemon);
  });

  test("after kill -9 of the daemon the sandbox runs on, and the next one has it again", {
    skip: noShim,
  }, async () => {
    const pod = await runSandboxed("survivor");
    const first = await runFirst(pod);
    const second = await run(pod, "second", untilTold);
    const shimPid = shimOf(pod, daemon);
    await daemon.kill();
    await daemon.launch();
    assert.ok(await isReady(pod));
    assert.equal(shimOf(pod, daemon), shimPid);
    assert.deepEqual(await exec(first, "echo", "again"), ["again\n", 0]);
    await daemon.pods.stopContainer({ containerId: second, timeout: 20n });
    assert.equal((await exited(daemon, second)).exitCode, 7);
    await removePod(daemon, pod.id);
    await gone(shimPid);
    await assertNoLeaks(daemon);
  });

  test("after kill -9 of the shim the pod is not ready, and nothing is left", { skip: noShim }, async () => {
    const pod = await runSandboxed("shimless");
    const first = await runFirst(pod);
    process.kill(shimOf(pod, daemon), "SIGKILL");
    assert.notEqual((await exited(daemon, first)).exitCode, 0);
    await notReady(pod);
    assert.equal((await inspect(pod)).own.state.reason, "its sandbox ended");
    await removePod(daemon, pod.id);
    await removePod(daemon, pod.id); // idempotent
    await assertNoLeaks(daemon);
  });

  test("after kill -9 of the sandbox the pod is not ready, and nothing is left", {
    skip: noShim,
  }, async (context) => {
    const pod = await runSandboxed("sandboxless");
    const first = await runFirst(pod);
    const sandbox = await sandboxProcess(pod, first);
    if (sandbox === undefined) context.skip("this shim names no process of its sandbox");
    else {
      process.kill(sandbox, "SIGKILL");
      await notReady(pod);
      assert.equal((await exited(daemon, first)).reason, "SandboxLost");
      assert.equal((await inspect(pod)).own.state.reason, "its sandbox ended");
    }
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  for (const plan of [
    "RunPodSandbox/sandbox/before:kill",
    "RunPodSandbox/sandbox/after:kill",
    "RunPodSandbox/sandbox/after:fail,RunPodSandbox/sandbox/undone:kill",
    "StopPodSandbox/sandbox/undo:kill",
    "StopPodSandbox/sandbox/undone:kill",
  ]) {
    test(`kill -9 of the daemon at ${plan}`, { skip: noShim }, async () => {
      const config = podConfig(daemon, "killed");
      const runKilled = () => daemon.pods.runPodSandbox({ config, runtimeHandler: "sandboxed" });
      const standing = plan.startsWith("Stop") ? await runKilled() : undefined;
      daemon.plant(plan);
      await assert.rejects(standing === undefined ? runKilled() : removePod(daemon, standing.podSandboxId));
      await daemon.ended();
      daemon.plant("");
      await daemon.launch();
      if (standing === undefined) {
        const { podSandboxId: id } = await runKilled();
        assert.ok(await isReady({ id, config }));
        await removePod(daemon, id);
      } else await removePod(daemon, standing.podSandboxId);
      await assertNoLeaks(daemon);
    });
  }
});
