import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "../../src/base/fault.ts";
import { ContainerState, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { Gates } from "../harness/gates.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  eventually,
  podConfig,
  removePod,
  runContainer,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** As impatient as a caller can be. */
const impatient = { timeout: 50 };
const isLate = (error: unknown) => isFault(error, "deadline");
const isCancelled = (error: unknown) => isFault(error, "cancelled");

describe("callers that leave, come again, and change their mind", privileged, () => {
  let daemon: TestDaemon;
  let gates: Gates;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    gates = await Gates.install(daemon);
  });

  after(() => endDaemon(daemon));

  const run = (config: ReturnType<typeof podConfig>, options = {}) =>
    daemon.pods.runPodSandbox({ config, runtimeHandler: gates.handler }, options);
  const madePod = async (name: string) => {
    const config = podConfig(daemon, name);
    return { config, id: (await run(config)).podSandboxId };
  };

  /** Calls until what was called for stands at the gate: on a busy machine, a call may be over before the daemon hears of it. */
  async function callInVain(
    gate: "attach" | "create" | "start",
    call: () => Promise<unknown>,
  ): Promise<string> {
    await eventually(`an arrival at the gate ${gate}`, 30_000, async () => {
      await assert.rejects(call(), isLate);
      return gates.hasArrived(gate) || undefined;
    });
    return await gates.arrival(gate);
  }

  test("a caller's deadline ends its wait, not the run; repeats join it and get its result", async () => {
    const config = podConfig(daemon, "slow-network");
    gates.close("attach");
    process.kill(daemon.pid, "SIGSTOP"); // as on a busy machine
    await assert.rejects(run(config, impatient), isLate);
    process.kill(daemon.pid, "SIGCONT");
    const podSandboxId = await callInVain("attach", () => run(config, impatient));
    await assert.rejects(run(config, impatient), isLate);
    const repeats = [run(config), run(config)];
    await sleep(50);
    gates.open("attach");
    for (const answer of await Promise.all(repeats)) assert.equal(answer.podSandboxId, podSandboxId);
    assert.equal((await run(config)).podSandboxId, podSandboxId, "nor does a later one make another");
    assert.equal((await daemon.pods.listPodSandbox({})).items.length, 1);
    await removePod(daemon, podSandboxId);
  });

  test("so it is with a container's create and start", async () => {
    const pod = await madePod("slow-runtime");
    const request = {
      podSandboxId: pod.id,
      config: shellConfig("main", busyboxImage, "sleep 999"),
      sandboxConfig: pod.config,
    };
    gates.close("create");
    const containerId = await callInVain("create", () => daemon.pods.createContainer(request, impatient));
    const repeats = [1, 2].map(() => daemon.pods.createContainer(request));
    gates.open("create");
    for (const answer of await Promise.all(repeats)) assert.equal(answer.containerId, containerId);

    gates.close("start");
    const started = await callInVain("start", () => daemon.pods.startContainer({ containerId }, impatient));
    assert.equal(started, containerId);
    const starts = [1, 2].map(() => daemon.pods.startContainer({ containerId }));
    gates.open("start");
    await Promise.all(starts);
    const { state } = await containerStatus(daemon, containerId);
    assert.equal(state, ContainerState.CONTAINER_RUNNING);
    await removePod(daemon, pod.id);
  });

  test("a stop ends the run in flight, and nothing of it is left", async () => {
    const config = podConfig(daemon, "unwanted");
    gates.close("attach");
    const running = assert.rejects(run(config), isCancelled);
    const podSandboxId = await gates.arrival("attach");
    await daemon.pods.stopPodSandbox({ podSandboxId });
    await running;
    gates.open("attach");
    await daemon.pods.removePodSandbox({ podSandboxId });
    await assertNoLeaks(daemon);
    const again = await run(config);
    assert.notEqual(again.podSandboxId, podSandboxId, "asked again, it is made anew");
    await removePod(daemon, again.podSandboxId);
  });

  test("a pod's stop ends a create in flight", async () => {
    const pod = await madePod("closing");
    gates.close("create");
    const creating = assert.rejects(
      daemon.pods.createContainer({
        podSandboxId: pod.id,
        config: shellConfig("main", busyboxImage, "sleep 999"),
        sandboxConfig: pod.config,
      }),
      isCancelled,
    );
    await gates.arrival("create");
    await daemon.pods.stopPodSandbox({ podSandboxId: pod.id });
    await creating;
    gates.open("create");
    await daemon.pods.removePodSandbox({ podSandboxId: pod.id });
    await assertNoLeaks(daemon);
  });

  test("a stop with less grace joins the one in flight and shortens it; one with more does not", async () => {
    const pod = await madePod("graceful");
    const deaf = shellConfig("deaf", busyboxImage, "trap '' TERM; while :; do sleep 0.2; done");
    const containerId = await runContainer(daemon, pod, deaf);
    const began = performance.now();
    const first = daemon.pods.stopContainer({ containerId, timeout: 60n });
    await sleep(200);
    const others = [1n, 30n].map((timeout) => daemon.pods.stopContainer({ containerId, timeout }));
    await Promise.all([first, ...others]);
    const took = performance.now() - began;
    assert.ok(took >= 1100 && took < 10_000, `stopped after ${took} ms`);
    assert.equal((await containerStatus(daemon, containerId)).exitCode, 137);
    await removePod(daemon, pod.id);
  });

  test("a plugin that fails at DEL does not keep the pod; its address comes back once the plugin works", async () => {
    const { leases, networkName } = daemon.workspace;
    const held = () => readdirSync(join(leases, networkName)).filter((name) => /^\d/.test(name));
    assert.deepEqual(held(), []);
    const pod = await madePod("kept-address");
    gates.break("detach");
    await daemon.pods.stopPodSandbox({ podSandboxId: pod.id });
    const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
    await daemon.pods.removePodSandbox({ podSandboxId: pod.id });
    assert.deepEqual((await daemon.pods.listPodSandbox({})).items, []);
    assert.equal(held().length, 1, "the plugin was not there to give it back");

    // A daemon that is started meanwhile goes on with it.
    await daemon.kill();
    await daemon.launch();
    gates.open("detach");
    await eventually("the address to come back", 20_000, async () =>
      held().length === 0 ? true : undefined,
    );
    await eventually("the attachment to be forgotten", 5000, async () =>
      (await daemon.command("doctor", "--leaks")).code === 0 ? true : undefined,
    );
    await assertNoLeaks(daemon);
  });

  test("a plugin that fails at ADD: the run fails with its words, and leaves nothing", async () => {
    gates.break("attach");
    await assert.rejects(
      run(podConfig(daemon, "unattached")),
      (error: Error) => isFault(error, "unavailable") && error.message.includes("the gate is broken"),
    );
    gates.open("attach");
    assert.deepEqual((await daemon.pods.listPodSandbox({})).items, []);
    await assertNoLeaks(daemon);
  });
});
