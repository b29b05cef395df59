import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "../../src/base/fault.ts";
import { Bystander } from "../harness/bystander.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { KillInWork, type Steps } from "../harness/kill-in-work.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  exited,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { full, privileged } from "../harness/privileged.ts";
import { shimHandler, shimHandlerConfig } from "../harness/shim-handler.ts";

const kills = full ? 50 : 4;
/** What a life's first container ends with once it is let, and either on TERM. */
const [letCode, termCode] = [7, 3];
/** What a signal ended that came before the container could take it. */
const signalled = [128 + 15, 128 + 9];

describe(`kill -9 of the daemon at ${kills} random moments of pods' lives under shims`, privileged, () => {
  let daemon: TestDaemon;
  let bystander: Bystander;
  const work = new KillInWork();

  before(async () => {
    daemon = await TestDaemon.start({
      runtime: "runc",
      handler: shimHandler,
      extraConfig: shimHandlerConfig,
    });
    await importBusybox(daemon);
    bystander = await Bystander.run(daemon);
  });

  after(async () => {
    try {
      if (bystander !== undefined) {
        await bystander.stop();
        await removeAllPods(daemon);
        await assertNoLeaks(daemon);
      }
    } finally {
      await daemon?.close();
    }
  });

  const bystandersShim = () =>
    readFileSync(join(daemon.workspace.state, "shims", bystander.pod.id, "shim.json"), "utf8");

  /** Lives of a pod, one after the other, until the daemon dies. */
  async function lives(name: string): Promise<void> {
    const trap = `trap 'exit ${termCode}' TERM`;
    const waits = "until test -e /tmp/end; do sleep 0.02; done";
    const first = shellConfig("first", busyboxImage, `${trap}; ${waits}; exit ${letCode}`);
    const second = shellConfig("second", busyboxImage, `${trap}; while :; do sleep 0.05; done`);
    let pod = {} as MadePod;
    let [one, two] = ["", ""];
    const create = (config: typeof first) =>
      daemon.pods.createContainer({ podSandboxId: pod.id, config, sandboxConfig: pod.config });
    const steps: Steps = [
      ["run", async () => (pod = await runPod(daemon, name))],
      ["create", async () => (one = (await create(first)).containerId)],
      ["start", () => daemon.pods.startContainer({ containerId: one })],
      ["second", async () => (two = await runContainer(daemon, pod, second))],
      ["exec", () => daemon.pods.execSync({ containerId: one, cmd: ["touch", "/tmp/end"], timeout: 20n })],
      ["exit", async () => assert.equal((await exited(daemon, one)).exitCode, letCode)],
      ["stop", () => daemon.pods.stopContainer({ containerId: two, timeout: 2n })],
      ["remove", () => daemon.pods.removeContainer({ containerId: two })],
      ["stop pod", () => daemon.pods.stopPodSandbox({ podSandboxId: pod.id })],
      ["remove pod", () => daemon.pods.removePodSandbox({ podSandboxId: pod.id })],
    ];
    await work.untilKilled(steps);
  }

  /** Whatever became of it, a container ends as it was told to, and with its own code: its shim was not lost. */
  async function assertEnds(id: string): Promise<void> {
    try {
      // the call that was to start it may have been cut off
      await daemon.pods.startContainer({ containerId: id }).catch(() => undefined);
      await daemon.pods.stopContainer({ containerId: id, timeout: 2n });
      const { exitCode, reason } = await exited(daemon, id);
      const codes = [letCode, termCode, ...signalled];
      assert.ok(codes.includes(exitCode), `container ${id} ended with ${exitCode}, ${reason}`);
    } catch (error) {
      // a removal that the kill cut off goes on at the next start
      if (!isFault(error, "notFound")) throw error;
    }
  }

  async function killOnce(number: number): Promise<void> {
    const code = 100 + number;
    const pod = await runPod(daemon, "witness");
    const words = `sleep ${(Math.random() * 1.5).toFixed(2)}; echo last words; exit ${code}`;
    const witness = await runContainer(daemon, pod, shellConfig("main", busyboxImage, words));
    const { logPath } = await containerStatus(daemon, witness);
    const shim = bystandersShim();
    work.isKilled = false;
    const working = Promise.all([lives(`one-${number}`), lives(`two-${number}`)]);
    await Promise.race([sleep(Math.random() * 1500), working]);
    work.isKilled = true;
    await daemon.kill();
    await working;
    await sleep(Math.random() * 300);
    await daemon.launch();
    assert.equal(bystandersShim(), shim, "the shim that ran is the one that runs");
    assert.equal((await exited(daemon, witness)).exitCode, code, "the witness's code");
    assert.match(readFileSync(logPath, "utf8"), /stdout F last words\n$/);
    const { containers } = await daemon.pods.listContainers({});
    const others = containers.filter(
      ({ id, podSandboxId }) => id !== witness && podSandboxId !== bystander.pod.id,
    );
    await Promise.all(others.map(({ id }) => assertEnds(id)));
    const { items } = await daemon.pods.listPodSandbox({});
    await Promise.all(items.map(({ id }) => (id === bystander.pod.id ? undefined : removePod(daemon, id))));
    await bystander.assertAlone();
    assert.equal(await bystander.echo("still there"), "still there\n");
  }

  test("shims are found again, ends are told, nothing is left", async (t: TestContext) => {
    for (let number = 0; number < kills; number++) {
      try {
        await killOnce(number);
      } catch (error) {
        const message = `kill ${number + 1}, unanswered ${work.unanswered()}: ${daemon.logTail(40)}`;
        throw new Error(message, { cause: error });
      }
    }
    t.diagnostic(`${kills} kills; unanswered then: ${work.unanswered()}`);
  });
});
