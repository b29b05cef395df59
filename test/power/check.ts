import assert from "node:assert/strict";
import { VerifiedState } from "../../src/wire/gen/berth.v1.ts";
import { ContainerState, ImageSpec, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import type { DaemonCalls } from "../harness/daemon.ts";
import { assertNoLeaks, type LeakingDaemon } from "../harness/leaks.ts";
import { patience } from "../harness/patience.ts";
import {
  containerStatus,
  eventually,
  exited,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { compareScript } from "./images.ts";
import type { LoadImages } from "./load.ts";

/** How long what goes on beside the API after a start may take. */
const recoveryMs = 20_000;

/** A node whose daemon just started by itself, after a cut. */
export interface BootedNode {
  readonly daemon: LeakingDaemon;
  /** Every name below the daemon's root but for the database's own. */
  readonly names: readonly string[];
  /** What the daemon said in this boot that is not said every day. */
  readonly warnings: readonly string[];
}

/** What was found after a power cut. */
export interface Found {
  /** Images that were there at once. */
  readonly images: number;
  /** Pods and containers of the boot that ended. */
  readonly pods: number;
  readonly containers: number;
  /** What the daemon said that it took away or dropped. */
  readonly said: readonly string[];
}

/**
 * Fails unless the daemon has brought everything in order.
 *
 * @param promised images that must be there
 * @param empty the names below its root on a node where nothing was ever done: all that is left at the end
 */
export async function checkAfterCut(
  node: BootedNode,
  images: LoadImages,
  promised: readonly string[],
  empty: readonly string[],
): Promise<Found> {
  const { daemon } = node;
  const there = await tags(daemon);
  for (const image of promised) assert.ok(there.includes(image), `${image} was promised to stay`);
  const pods = await lastBootsPods(daemon);
  const containers = await lastBootsContainers(daemon);
  await assertSound(daemon);
  await compareFiles(daemon, there);
  await removeAllPods(daemon);
  await assertNoLeaksSoon(daemon);
  await pullAgain(daemon, images);
  await assertSound(daemon);
  await compareFiles(daemon, [images.pulled, images.used, images.imported]);
  await removeAllPods(daemon);
  await daemon.berth.prune({ dryRun: false, all: true, until: 0n, labels: [] });
  await assertNoLeaks(daemon);
  const left = await eventually("nothing to be left", recoveryMs, async () =>
    node.names.join() === empty.join() ? [] : undefined,
  ).catch(() => node.names.filter((name) => !empty.includes(name)));
  assert.deepEqual(left, [], "what is left on disk when all is removed");
  return { images: there.length, pods, containers, said: node.warnings };
}

async function tags(daemon: DaemonCalls): Promise<string[]> {
  return (await daemon.images.listImages({})).images.flatMap(({ repoTags }) => repoTags);
}

/** They are told as not ready. */
async function lastBootsPods(daemon: DaemonCalls): Promise<number> {
  return eventually("the last boot's pods to be not ready", recoveryMs, async () => {
    const { items } = await daemon.pods.listPodSandbox({});
    return items.every(({ state }) => state === PodSandboxState.SANDBOX_NOTREADY) ? items.length : undefined;
  });
}

/** They are told as ended by the reboot, or as they had ended before. */
async function lastBootsContainers(daemon: DaemonCalls): Promise<number> {
  const containers = await eventually("the last boot's containers to be exited", recoveryMs, async () => {
    const { containers } = await daemon.pods.listContainers({});
    const over = containers.every(({ state }) => state === ContainerState.CONTAINER_EXITED);
    return over ? containers : undefined;
  });
  for (const { id } of containers) {
    const { exitCode, reason, message } = await containerStatus(daemon, id);
    assert.notEqual(reason, "MonitorLost");
    if (exitCode === 255) assert.equal(message, "the node was rebooted while it ran");
  }
  return containers.length;
}

async function assertSound(daemon: DaemonCalls): Promise<void> {
  for await (const part of daemon.berth.verifyImages({ references: [], repair: false }))
    assert.equal(
      part.state,
      VerifiedState.VERIFIED_SOUND,
      `${part.what} ${part.digest} of ${part.imageNames}: ${part.reason} ${part.moreDamaged + BigInt(part.damaged.length)} files are damaged`,
    );
}

/** In a container of each image: what it sees is what the image was made of. */
async function compareFiles(daemon: DaemonCalls, images: readonly string[]): Promise<void> {
  if (images.length === 0) return;
  const pod = await runPod(daemon, "compares");
  for (const [index, image] of images.entries()) {
    const id = await runContainer(daemon, pod, shellConfig(`of-${index}`, image, compareScript));
    const { exitCode } = await exited(daemon, id);
    assert.equal(exitCode, 0, `files of ${image} are not as they were made`);
  }
}

async function pullAgain(daemon: DaemonCalls, { pulled, used, archive, auth }: LoadImages): Promise<void> {
  for (const image of [pulled, used])
    await daemon.images.pullImage({ image: ImageSpec.create({ image }), auth, sandboxConfig: undefined });
  await daemon.berth.import({ path: archive });
}

async function assertNoLeaksSoon(daemon: LeakingDaemon): Promise<void> {
  for (const until = Date.now() + recoveryMs * patience; ; ) {
    try {
      return await assertNoLeaks(daemon);
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}
