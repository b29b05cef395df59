import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { memoryAfterCollection } from "../harness/inspector.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { removeAllPods, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { full, privileged } from "../harness/privileged.ts";

const pods = full ? 100 : 10;
const rounds = full ? 5 : 3;
/** How much of the heap a pod may keep. A few pods can't tell a small leak from code that is compiled meanwhile. */
const mostPerPod = full ? 4_000 : 50_000;
const atOnce = 4;

describe(`${pods} pods up and down, ${rounds} rounds`, privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun", inspect: true });
    await importBusybox(daemon);
  });

  after(() => daemon.close());

  async function round(number: number): Promise<void> {
    const waiting = Array.from({ length: pods }, (_, index) => `round-${number}-${index}`);
    const worker = async () => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        const pod = await runPod(daemon, name);
        await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 9999"));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    const running = { state: ContainerState.CONTAINER_RUNNING };
    const filter = { id: "", podSandboxId: "", state: running, labelSelector: {} };
    assert.equal((await daemon.pods.listContainers({ filter })).containers.length, pods);
    await removeAllPods(daemon);
  }

  test("nothing is left after each round, and the daemon's memory has no slope", async (t) => {
    const heaps: number[] = [];
    for (let number = 1; number <= rounds; number++) {
      await round(number);
      await assertNoLeaks(daemon);
      const { heapBytes, residentBytes } = await memoryAfterCollection(daemon.logFile);
      heaps.push(heapBytes);
      t.diagnostic(
        `after round ${number}: heap ${megabytes(heapBytes)} MB, resident ${megabytes(residentBytes)} MB`,
      );
    }
    // The first round fills pools and compiles code: what counts is from then on.
    const perPod = slope(heaps.slice(full ? 1 : 0)) / pods;
    t.diagnostic(`bytes of the heap that a pod keeps: ${perPod.toFixed(0)}`);
    assert.ok(
      perPod < mostPerPod,
      `a pod keeps ${perPod.toFixed(0)} bytes; after each round: ${heaps.join(", ")}`,
    );
  });
});

/** How much more each value is than the one before, by least squares. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const weights = values.map((_, index) => index - middle);
  const products = values.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), 0);
  return products / weights.reduce((sum, weight) => sum + weight * weight, 0);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
