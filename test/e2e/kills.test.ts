import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { containerSteps } from "../../src/container/steps.ts";
import { podSandboxSteps } from "../../src/pod/steps.ts";
import { ImageSpec, NamespaceMode } from "../../src/wire/gen/runtime.v1.ts";
import { Bystander } from "../harness/bystander.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  exited,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { mountMappings, usersPodConfig } from "../harness/user-namespaces.ts";

/** Who is root in pods with a user namespace. */
const users = 700_000_000;

/** What shims share is tried with them. */
const podSteps = podSandboxSteps.filter(({ name }) => name !== "shim");

/** Between every two steps of a step table, forwards and backwards. */
const around = (operation: string, steps: readonly { name: string }[]) =>
  steps.flatMap(({ name }) => [`${operation}/${name}/before`, `${operation}/${name}/after`]);
const backwards = (operation: string, steps: readonly { name: string }[]) =>
  steps.toReversed().flatMap(({ name }) => [`${operation}/${name}/undo`, `${operation}/${name}/undone`]);

/** Plans of what is killed while it undoes a run or create whose last step failed. */
const failing = (operation: string, steps: readonly { name: string }[]) =>
  backwards(operation, steps).map((point) => `${operation}/${steps.at(-1)?.name}/after:fail,${point}:kill`);

/** One step is for pods alone that share their PID namespace. */
const namespacesFor = (plan: string) => (plan.includes("/sandbox/") ? { pid: NamespaceMode.POD } : {});

/** A container that can tell this test, by a file, how far it is, and be told. */
const withSigns = ({ config }: MadePod, script: string) =>
  shellConfig("main", busyboxImage, script, {
    mounts: [{ containerPath: "/signs", hostPath: config.logDirectory }],
  });
const giveSign = ({ config }: MadePod, name: string) => writeFileSync(join(config.logDirectory, name), "");
const sign = ({ config }: MadePod, name: string) =>
  eventually(
    `the sign "${name}"`,
    30_000,
    async () => existsSync(join(config.logDirectory, name)) || undefined,
  );

describe("kill -9 of the daemon between any two steps", privileged, () => {
  let daemon: TestDaemon;
  let bystander: Bystander;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    bystander = await Bystander.run(daemon);
  });

  after(async () => {
    try {
      await bystander.stop();
      await removeAllPods(daemon);
      await assertNoLeaks(daemon);
    } finally {
      await daemon.close();
    }
  });

  /** With a user namespace and volumes that show it: what other pods leave, and more. */
  const killedPod = (plan = "") => usersPodConfig(daemon, "killed", users, namespacesFor(plan));
  const runKilledPod = (plan = "") => runPod(daemon, "killed", killedPod(plan));
  const exits7 = () => {
    const mount = { containerPath: "/v", hostPath: daemon.workspace.logs, ...mountMappings(users) };
    const image = { containerPath: "/image", image: ImageSpec.create({ image: busyboxImage }) };
    return shellConfig("main", busyboxImage, "exit 7", { mounts: [mount, image] });
  };

  /** A daemon that dies as `plan` says during `act`, then one that lives. */
  async function dieAt(plan: string, act: () => Promise<unknown>): Promise<void> {
    daemon.plant(plan);
    await assert.rejects(act(), `the daemon was to die by ${plan}`);
    await daemon.ended();
    daemon.plant("");
    await daemon.launch();
  }

  /** A kubelet asks again for the same, and goes on until all is gone. */
  async function makeAndRemove(config: MadePod["config"]): Promise<void> {
    const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "" });
    const pod = { id: podSandboxId, config };
    const id = await runContainer(daemon, pod, exits7());
    assert.equal((await exited(daemon, id)).exitCode, 7);
    await removePod(daemon, podSandboxId);
  }

  for (const plan of [
    ...around("RunPodSandbox", podSteps).map((point) => `${point}:kill`),
    ...failing("RunPodSandbox", podSteps),
  ]) {
    test(plan, async () => {
      const config = killedPod(plan);
      await dieAt(plan, () => daemon.pods.runPodSandbox({ config, runtimeHandler: "" }));
      await bystander.assertAlone();
      await makeAndRemove(config);
    });
  }

  for (const plan of [
    ...around("CreateContainer", containerSteps).map((point) => `${point}:kill`),
    ...failing("CreateContainer", containerSteps),
    "StartContainer/start/before:kill",
    "StartContainer/start/after:kill",
  ]) {
    test(plan, async () => {
      const pod = await runKilledPod();
      const config = exits7();
      await dieAt(plan, () => runContainer(daemon, pod, config));
      const { containerId } = await daemon.pods.createContainer({
        podSandboxId: pod.id,
        config,
        sandboxConfig: pod.config,
      });
      // Killed after the start: it may have ended by now, and can't be started twice.
      await daemon.pods.startContainer({ containerId }).catch(() => undefined);
      assert.equal((await exited(daemon, containerId)).exitCode, 7);
      await removePod(daemon, pod.id);
      await bystander.assertAlone();
    });
  }

  for (const point of ["ForgetEnded/runtime/before", "ForgetEnded/runtime/after"]) {
    test(point, async () => {
      const pod = await runKilledPod();
      await dieAt(`${point}:kill`, async () => {
        const containerId = await runContainer(daemon, pod, exits7());
        for (;;) await daemon.pods.containerStatus({ containerId });
      });
      const { containers } = await daemon.pods.listContainers({});
      const [ended] = containers.filter(({ podSandboxId }) => podSandboxId === pod.id);
      assert.equal((await exited(daemon, ended?.id ?? "")).exitCode, 7);
      await removePod(daemon, pod.id);
      await bystander.assertAlone();
    });
  }

  for (const point of backwards("StopPodSandbox", podSteps)) {
    test(point, async () => {
      const pod = await runKilledPod(point);
      await dieAt(`${point}:kill`, () => daemon.pods.stopPodSandbox({ podSandboxId: pod.id }));
      await removePod(daemon, pod.id);
      await bystander.assertAlone();
    });
  }

  for (const point of backwards("RemoveContainer", containerSteps)) {
    test(point, async () => {
      const pod = await runKilledPod();
      const containerId = await runContainer(daemon, pod, exits7());
      await exited(daemon, containerId);
      await dieAt(`${point}:kill`, () => daemon.pods.removeContainer({ containerId }));
      await daemon.pods.removeContainer({ containerId });
      await removePod(daemon, pod.id);
      await bystander.assertAlone();
    });
  }

  test("a removal of a whole pod, at a container's last step", async () => {
    const pod = await runKilledPod();
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
    const request = { podSandboxId: pod.id };
    await dieAt("RemoveContainer/snapshot/undo:kill", () => daemon.pods.removePodSandbox(request));
    await daemon.pods.removePodSandbox(request);
    await bystander.assertAlone();
  });

  test("the daemon that undoes what the last one was killed in is killed, too", async () => {
    const config = usersPodConfig(daemon, "twice", users, { pid: NamespaceMode.POD });
    daemon.plant("RunPodSandbox/sandbox/after:kill");
    await assert.rejects(daemon.pods.runPodSandbox({ config, runtimeHandler: "" }));
    await daemon.ended();
    for (const point of ["RunPodSandbox/sandbox/undone", "RunPodSandbox/network/undo"]) {
      daemon.plant(`${point}:kill`);
      await daemon.launch().catch(() => undefined); // it may die before it answers
      await daemon.ended();
    }
    daemon.plant("");
    await daemon.launch();
    await bystander.assertAlone();
  });

  test("between a container's stop signal and its end", async () => {
    const pod = await runPod(daemon, "stopping");
    const onTerm = "echo >/signs/asked; until test -e /signs/end; do sleep 0.02; done; exit 33";
    const script = `trap '${onTerm}' TERM; echo >/signs/up; while :; do sleep 0.02; done`;
    const containerId = await runContainer(daemon, pod, withSigns(pod, script));
    await sign(pod, "up");
    const stopping = assert.rejects(daemon.pods.stopContainer({ containerId, timeout: 30n }));
    await sign(pod, "asked");
    await daemon.kill();
    await stopping;
    await daemon.launch();
    const stopped = daemon.pods.stopContainer({ containerId, timeout: 30n });
    giveSign(pod, "end");
    await stopped;
    assert.equal((await exited(daemon, containerId)).exitCode, 33);
    await removePod(daemon, pod.id);
    await bystander.assertAlone();
  });

  test("exits that happen while nobody watches are reported with their code and time", async () => {
    const pod = await runPod(daemon, "unwatched");
    const script = "until test -e /signs/end; do sleep 0.02; done; exit 9";
    const containerId = await runContainer(daemon, pod, withSigns(pod, script));
    await daemon.kill();
    giveSign(pod, "end");
    const noted = join(daemon.workspace.state, "exits", containerId);
    await eventually("the monitor's note", 30_000, async () => existsSync(noted) || undefined);
    const seen = Date.now();
    await daemon.launch();
    const status = await exited(daemon, containerId);
    assert.deepEqual([status.exitCode, status.reason], [9, "Error"]);
    const finished = Number(status.finishedAt / 1_000_000n);
    assert.ok(finished <= seen, `it is said to have finished ${finished - seen} ms after that was noted`);
    await removePod(daemon, pod.id);
    await bystander.assertAlone();
  });
});
