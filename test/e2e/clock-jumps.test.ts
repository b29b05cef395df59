import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { logLines } from "../harness/log-lines.ts";
import { MovableClock } from "../harness/movable-clock.ts";
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

const hour = 3600;
const years = 5 * 365 * 24 * hour;

/** A clock that is wrong, and is set right, by hours or years, in the middle of everything. */
describe("a clock that is set", privileged, () => {
  const clock = new MovableClock();
  let daemon: TestDaemon;
  let pod: MadePod;

  before(async () => {
    daemon = await TestDaemon.start({ env: clock.env });
    await importBusybox(daemon);
    pod = await runPod(daemon, "timeless");
  });

  after(async () => {
    clock[Symbol.dispose]();
    await endDaemon(daemon);
  });

  test("a command in a container is not ended by it, nor given longer than its time", async () => {
    const containerId = await runContainer(daemon, pod, shellConfig("exec", busyboxImage, "sleep 999"));
    for (const ahead of [2 * hour, -years]) {
      const done = daemon.pods.execSync({
        containerId,
        cmd: ["sh", "-c", "sleep 1; echo done"],
        timeout: 60n,
      });
      await sleep(200);
      clock.set(ahead);
      assert.equal((await done).stdout.toString(), "done\n");
      const late = daemon.pods.execSync({ containerId, cmd: ["sleep", "999"], timeout: 1n });
      await sleep(200);
      clock.set(0);
      await assert.rejects(late, { kind: "deadline" });
    }
  });

  test("a container that does not heed its stop signal is killed after its grace period, not before, not years later", async () => {
    for (const [index, ahead] of [2 * hour, -years].entries()) {
      const deaf = shellConfig(`deaf-${index}`, busyboxImage, "trap '' TERM; while true; do sleep 0.1; done");
      const containerId = await runContainer(daemon, pod, deaf);
      const began = performance.now();
      const stopped = daemon.pods.stopContainer({ containerId, timeout: 1n });
      await sleep(100);
      clock.set(ahead);
      await stopped;
      assert.ok(performance.now() - began >= 900);
      clock.set(0);
      assert.equal((await containerStatus(daemon, containerId)).exitCode, 137);
    }
  });

  test("a container that was started by a clock that was years ahead has not finished before that", async () => {
    clock.set(years);
    const containerId = await runContainer(daemon, pod, shellConfig("old", busyboxImage, "sleep 1; exit 3"));
    clock.set(0);
    const { exitCode, startedAt, finishedAt } = await exited(daemon, containerId);
    assert.equal(exitCode, 3);
    assert.ok(finishedAt >= startedAt, `${finishedAt} is before ${startedAt}`);
  });

  test("the use of CPU is per second of real time", async () => {
    const containerId = await runContainer(
      daemon,
      pod,
      shellConfig("busy", busyboxImage, "while true; do :; done"),
    );
    const rate = async () => {
      const { stats } = await daemon.pods.containerStats({ containerId });
      return stats?.cpu?.usageNanoCores?.value;
    };
    await eventually("a first rate", 10_000, rate);
    for (const ahead of [2 * hour, -years, 0]) {
      clock.set(ahead);
      await sleep(1100);
      const now = await rate();
      assert.ok(now !== undefined && now > 5_000_000n && now < 100_000_000_000n, `${now} after ${ahead} s`);
    }
  });

  test("a daemon that starts while the clock is years behind knows its pods, and removes them", async () => {
    clock.set(-years);
    await daemon.kill();
    await daemon.launch();
    const { containers } = await daemon.pods.listContainers({});
    const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
    assert.deepEqual(running.map(({ metadata }) => metadata?.name).sort(), ["busy", "exec"]);
    const another = await runPod(daemon, "of-the-past");
    clock.set(0);
    await removePod(daemon, another.id);
    await removePod(daemon, pod.id);
    await eventually("the log to tell", 15_000, async () =>
      logLines(daemon).find(({ msg }) => /^the node's clock was set forward by \d+ s/.test(String(msg))),
    );
  });
});
