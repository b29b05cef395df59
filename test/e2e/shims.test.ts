import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerState, LinuxContainerResources } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
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
import { logHas } from "../harness/sandbox-shim.ts";
import { shimHandler, shimHandlerConfig } from "../harness/shim-handler.ts";

const handler = shimHandler;

/** Each takes as long as a start of the daemon. */
const kills = process.env.BERTH_TEST_FULL ? 50 : 2;

/** A handler that comes to stand for something else. */
const byShim = shimHandlerConfig.replace(handler, "changing");
const byConmon = '\n[runtime.handlers.changing]\nbinary = "runc"\n';

const handlers = `${shimHandlerConfig}
${byShim}
[runtime.handlers.none]
type = "io.containerd.none.v1"
`;

/** A command that goes on, and can be seen to have begun. */
const waits = "touch /tmp/waits; sleep 1000";

/** Says how often it has lived through a moment; ends by itself when it is told to. */
const counter = "i=0; while ! test -e /tmp/end; do i=$((i+1)); echo $i; sleep 0.05; done; exit 7";

describe("pods under a shim", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: handlers });
    await importBusybox(daemon);
  });
  after(() => endDaemon(daemon));

  const runShimPod = (name: string) => runPod(daemon, name, {}, handler);
  const run = (pod: MadePod, name: string, script: string, overrides = {}) =>
    runContainer(daemon, pod, shellConfig(name, busyboxImage, script, overrides));

  const shims = () => readdirSync(join(daemon.workspace.state, "shims"));
  const shimRecord = (pod: MadePod) => join(daemon.workspace.state, "shims", pod.id, "shim.json");
  const shimPid = (pod: MadePod): number => JSON.parse(readFileSync(shimRecord(pod), "utf8")).process.pid;
  const shimMembers = (pod: MadePod) =>
    readdirSync(join(daemon.workspace.state, "shims", pod.id, "containers"));
  const logOf = async (id: string) => readFileSync((await containerStatus(daemon, id)).logPath, "utf8");
  const lastCount = async (id: string) =>
    Number(/ stdout F ([0-9]+)\n$/.exec(await logOf(id).catch(() => ""))?.[1] ?? 0);
  const goesOn = async (id: string, log: () => Promise<number>) => {
    const from = await log();
    await eventually(`container ${id} to go on`, 30_000, async () =>
      (await log()) > from ? true : undefined,
    );
  };
  const exec = (containerId: string, ...cmd: string[]) =>
    daemon.pods.execSync({ containerId, cmd, timeout: 20n });

  test("a pod's containers share a shim, which ends with the last that runs", async () => {
    const pod = await runShimPod("shared");
    const first = await run(pod, "first", "echo out; echo err >&2; sleep 1000");
    const second = await run(pod, "second", counter);
    assert.deepEqual(shims(), [pod.id]);
    assert.match(readFileSync(`/proc/${shimPid(pod)}/cmdline`, "utf8"), /containerd-shim-runc-v2\0/);
    await goesOn(second, () => lastCount(second));
    for (const line of ["stdout F out\n", "stderr F err\n"]) await logHas(first, line, daemon);
    const { stdout, exitCode } = await exec(first, "sh", "-c", "echo in; exit 3");
    assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ["in\n", 3]);
    const { stats } = await daemon.pods.containerStats({ containerId: second });
    assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n);
    await exec(second, "touch", "/tmp/end");
    assert.equal((await exited(daemon, second)).exitCode, 7);
    await daemon.pods.removeContainer({ containerId: second });
    await exec(first, "true");
    await daemon.pods.stopContainer({ containerId: first, timeout: 0n });
    await eventually("the shim's end", 30_000, async () => (shims().length === 0 ? true : undefined));
    assert.equal((await containerStatus(daemon, first)).exitCode, 137, "it is there to be asked about");
    await assert.rejects(exec(first, "true"), /it is exited/);
    const third = await run(pod, "third", "exit 4");
    assert.equal((await exited(daemon, third)).exitCode, 4, "under another shim");
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  test("a pod's shim is started beside its network, and ends with the pod when no container has come to it", async () => {
    const pod = await runShimPod("prepared");
    const shim = await eventually("the pod's shim", 30_000, async () =>
      existsSync(shimRecord(pod)) ? shimPid(pod) : undefined,
    );
    await run(pod, "main", "sleep 1000");
    assert.equal(shimPid(pod), shim);
    await removePod(daemon, pod.id);
    await removePod(daemon, (await runShimPod("unused")).id); // perhaps in the midst of the shim's start
    const request = { config: podConfig(daemon, "killed-early"), runtimeHandler: handler };
    daemon.plant("RunPodSandbox/network/after:kill");
    await assert.rejects(daemon.pods.runPodSandbox(request));
    await daemon.ended();
    daemon.plant("");
    await daemon.launch();
    await removePod(daemon, (await daemon.pods.runPodSandbox(request)).podSandboxId);
    await assertNoLeaks(daemon);
  });

  test("after kill -9 of the daemon containers and logs go on, and ends that nobody saw are told", async () => {
    const pod = await runShimPod("survivor");
    const lives = await run(pod, "lives", counter);
    const ends = await run(
      pod,
      "ends",
      "until test -e /tmp/go; do sleep 0.05; done; echo last words; exit 9",
    );
    const log = (await containerStatus(daemon, lives)).logPath;
    const root = join(daemon.workspace.state, "containers", ends, "rootfs");
    await daemon.kill();
    const written = async () => readFileSync(log, "utf8").split("\n").length;
    await goesOn(lives, written);
    await daemon.inside("touch", join(root, "tmp/go"));
    await eventually("its end", 30_000, async () => {
      const { stdout } = await daemon.inside(
        "sh",
        "-c",
        `cat ${daemon.workspace.state}/containers/${ends}/pid`,
      );
      const { code } = await daemon.inside("kill", "-0", stdout.trim());
      return code === 0 ? undefined : true;
    });
    await daemon.launch();
    const status = await exited(daemon, ends);
    assert.deepEqual([status.exitCode, status.reason], [9, "Error"]);
    assert.match(await logOf(ends), /stdout F last words\n/);
    assert.equal((await containerStatus(daemon, lives)).state, ContainerState.CONTAINER_RUNNING);
    await exec(lives, "touch", "/tmp/end");
    assert.equal((await exited(daemon, lives)).exitCode, 7);
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  test("after kill -9 of shim or keeper their containers are ended, and say so; the pod goes on with another", async () => {
    const [pod, other] = [await runShimPod("shimless"), await runShimPod("keeperless")];
    const ids = [await run(pod, "one", counter), await run(pod, "two", "sleep 1000 & sleep 1000")];
    const [unkept, kept] = [await run(other, "unkept", counter), await run(other, "kept", counter)];
    const keeper = join(daemon.workspace.state, "containers", unkept, "conmon.pid");
    process.kill(Number(readFileSync(keeper, "latin1")), "SIGKILL");
    process.kill(shimPid(pod), "SIGKILL");
    for (const id of [...ids, unkept]) {
      const { exitCode, reason } = await exited(daemon, id);
      assert.deepEqual([exitCode, reason], [255, "MonitorLost"]);
    }
    const next = await run(pod, "next", "exit 4");
    assert.equal((await exited(daemon, next)).exitCode, 4);
    await goesOn(kept, () => lastCount(kept)); // the shim itself is well
    for (const { id } of [pod, other]) await removePod(daemon, id);
    await assertNoLeaks(daemon);
  });

  test("a shim that hangs is told of, and holds up neither the stop of its containers nor the removal of its pod", async () => {
    const pod = await runShimPod("hangs");
    const one = await run(pod, "one", "sleep 1000 & sleep 1000");
    const two = await run(pod, "two", counter);
    // nobody but the shim can wait for a command's process, without which the container could not end
    const command = daemon.pods.execSync({ containerId: two, cmd: ["sh", "-c", waits], timeout: 0n });
    command.catch(() => undefined);
    await eventually("the command", 30_000, async () =>
      (await exec(two, "test", "-e", "/tmp/waits")).exitCode === 0 ? true : undefined,
    );
    process.kill(shimPid(pod), "SIGSTOP");
    const linux = LinuxContainerResources.create({ memoryLimitInBytes: BigInt(64 << 20) });
    const told = assert.rejects(
      daemon.pods.updateContainerResources({ containerId: one, linux, annotations: {} }),
      /the shim of pod .* does not answer.*kill -CONT/,
    );
    await assert.rejects(
      daemon.pods.execSync({ containerId: one, cmd: ["true"], timeout: 1n }),
      /not started after 1000 ms: the shim of pod .* does not answer/,
    );
    await daemon.pods.stopContainer({ containerId: one, timeout: 0n });
    await told;
    await daemon.pods.stopContainer({ containerId: two, timeout: 0n });
    await assert.rejects(command);
    for (const id of [one, two]) {
      const { exitCode, reason } = await exited(daemon, id);
      assert.deepEqual([exitCode, reason], [137, "Error"]);
    }
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  test("a container that ran out of memory says so", async () => {
    const pod = await runShimPod("hungry");
    const resources = { memoryLimitInBytes: BigInt(32 << 20) };
    const id = await run(pod, "eats", "tail /dev/zero", { linux: { resources } });
    const { exitCode, reason } = await exited(daemon, id);
    assert.deepEqual([exitCode, reason], [137, "OOMKilled"]);
    await removePod(daemon, pod.id);
  });

  test("a daemon that is killed again and again finds its shims each time, and leaves none", async () => {
    const pod = await runShimPod("again");
    const id = await run(pod, "main", counter);
    const shim = shimPid(pod);
    for (let kill = 0; kill < kills; kill++) {
      await daemon.kill();
      await daemon.launch();
      assert.equal((await exec(id, "true")).exitCode, 0);
      assert.deepEqual([shimPid(pod), shims()], [shim, [pod.id]]);
    }
    await goesOn(id, () => lastCount(id));
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  for (const plan of [
    "CreateContainer/monitor/after:kill",
    "CreateContainer/monitor/after:fail,CreateContainer/monitor/undo:kill",
    "StartContainer/start/after:kill",
  ]) {
    test(`a daemon that dies at ${plan} leaves nothing that the next can't go on with`, async () => {
      const pod = await runShimPod("killed");
      const config = shellConfig("main", busyboxImage, "exit 7");
      daemon.plant(plan);
      await assert.rejects(runContainer(daemon, pod, config));
      await daemon.ended();
      daemon.plant("");
      await daemon.launch();
      const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
      const { containerId } = await daemon.pods.createContainer(request);
      if ((await containerStatus(daemon, containerId)).state === ContainerState.CONTAINER_CREATED)
        await daemon.pods.startContainer({ containerId });
      assert.equal((await exited(daemon, containerId)).exitCode, 7);
      await removePod(daemon, pod.id);
      await assertNoLeaks(daemon);
    });
  }

  test("a handler comes to stand for an OCI runtime, and for a shim again, and is gone: containers go on as they are", async () => {
    const before = readFileSync(daemon.workspace.configFile, "utf8");
    const startAnew = async (config: string) => {
      writeFileSync(daemon.workspace.configFile, config);
      await daemon.kill();
      await daemon.launch();
    };
    const commandIn = async (id: string) => assert.equal((await exec(id, "true")).exitCode, 0);
    const pod = await runPod(daemon, "changing", {}, "changing");
    const shimmed = await run(pod, "shimmed", counter);
    const ends = await run(pod, "ends", "exit 3");
    await startAnew(before.replace(byShim, byConmon));
    await commandIn(shimmed);
    assert.equal((await exited(daemon, ends)).exitCode, 3);
    const monitored = await run(pod, "monitored", counter);
    assert.ok(!shimMembers(pod).includes(monitored));
    await startAnew(before);
    for (const id of [shimmed, monitored]) await commandIn(id);
    await exec(monitored, "touch", "/tmp/end");
    assert.equal((await exited(daemon, monitored)).exitCode, 7);
    await startAnew(before.replace(byShim, ""));
    await commandIn(shimmed);
    await goesOn(shimmed, () => lastCount(shimmed));
    await assert.rejects(run(pod, "more", "true"), /runtime handler "changing" is not configured/);
    await removePod(daemon, pod.id);
    await assertNoLeaks(daemon);
  });

  test("a shim that is missing is told of, by its program's name", async () => {
    const config = podConfig(daemon, "none");
    await assert.rejects(
      daemon.pods.runPodSandbox({ config, runtimeHandler: "none" }),
      /runtime handler "none" can't work here: there is no containerd-shim-none-v1/,
    );
    const doctor = await daemon.command("doctor", "runtimes");
    assert.match(doctor.stdout, /runtime handler none does not work: there is no containerd-shim-none-v1/);
    assert.match(
      doctor.stdout,
      new RegExp(`${handler}: .*containerd-shim-runc-v2, .*(runc version|Version: )`),
    );
  });
});
