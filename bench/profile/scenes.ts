import { setTimeout as sleep } from "node:timers/promises";
import type { Cgroups } from "../../src/linux/contract.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import type { TestDaemon } from "../../test/harness/daemon.ts";
import { type LivePod, podDown, podUp, severalAtOnce } from "../pod-life.ts";
import { bigImage, busyboxImage } from "../registry.ts";

/** What a daemon does while it is profiled. */
export interface Scene {
  readonly name: string;
  /** What one of them is called. */
  readonly each: string;
  readonly count: number;
  /** Time between samples: rarer where it lasts. */
  readonly samplingMicros: number;
  /** Before the profile. */
  prepare(stage: Stage): Promise<void>;
  run(stage: Stage): Promise<void>;
  /** After it. */
  clear(stage: Stage): Promise<void>;
}

export interface Stage {
  readonly daemon: TestDaemon;
  readonly cgroups: Cgroups;
  readonly registry: string;
  /** Those that `prepare` made. */
  readonly pods: LivePod[];
}

const silent = () => undefined;
const never = new AbortController().signal;
const crowd = 100;

async function makePods(stage: Stage, count: number): Promise<void> {
  const image = `${stage.registry}/${busyboxImage}`;
  await severalAtOnce(count, 4, never, async (index) => {
    stage.pods.push(await podUp(stage.daemon, `made-${index}`, image, stage.cgroups, silent));
  });
  // What the making still has to do is not the scene's.
  await sleep(1_000);
}

async function removePods({ daemon, cgroups, pods }: Stage): Promise<void> {
  const all = pods.splice(0);
  await severalAtOnce(all.length, 4, never, async (index) => {
    const pod = all[index];
    if (pod !== undefined) await podDown(daemon, pod, cgroups, silent);
  });
}

async function lives({ daemon, cgroups, registry }: Stage, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const pod = await podUp(daemon, `life-${index}`, `${registry}/${busyboxImage}`, cgroups, silent);
    await podDown(daemon, pod, cgroups, silent);
  }
}

async function repeated(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await work();
}

async function execTrue({ daemon, pods: [pod] }: Stage, count: number): Promise<void> {
  const containerId = pod?.containerId ?? "";
  await repeated(count, () => daemon.pods.execSync({ containerId, cmd: ["/bin/true"], timeout: 10n }));
}

async function pullBig({ daemon, registry }: Stage, count: number): Promise<void> {
  const image = ImageSpec.create({ image: `${registry}/${bigImage}` });
  for (let index = 0; index < count; index++) {
    await daemon.images.pullImage({ image });
    await daemon.images.removeImage({ image });
  }
}

/** All that can be profiled. Each warms up what it does first: a daemon that has just started compiles. */
export const scenes: readonly Scene[] = [
  {
    name: "pods",
    each: "pod life",
    count: 40,
    samplingMicros: 5_000,
    prepare: (stage) => lives(stage, 10),
    run: (stage) => lives(stage, 40),
    clear: async () => undefined,
  },
  {
    name: "exec",
    each: "ExecSync",
    count: 300,
    samplingMicros: 5_000,
    prepare: async (stage) => {
      await makePods(stage, 1);
      await execTrue(stage, 50);
    },
    run: (stage) => execTrue(stage, 300),
    clear: removePods,
  },
  {
    name: "lists",
    each: "ListContainers and ListPodSandbox of 100 pods",
    count: 1000,
    samplingMicros: 1_000,
    prepare: (stage) => makePods(stage, crowd),
    run: ({ daemon }) =>
      repeated(1000, async () => {
        await daemon.pods.listContainers({});
        await daemon.pods.listPodSandbox({});
      }),
    clear: removePods,
  },
  {
    name: "stats",
    each: "ListContainerStats and ListPodSandboxStats of 100 pods",
    count: 10,
    samplingMicros: 1_000,
    prepare: async (stage) => {
      await makePods(stage, crowd);
      await stage.daemon.pods.listPodSandboxStats({});
      await sleep(1_100);
    },
    run: ({ daemon }) =>
      repeated(10, async () => {
        await daemon.pods.listContainerStats({});
        await sleep(1_100); // longer than any cache of a second
        await daemon.pods.listPodSandboxStats({});
        await sleep(1_100);
      }),
    clear: removePods,
  },
  {
    name: "pull",
    each: "pull",
    count: 2,
    samplingMicros: 2_000,
    prepare: async () => undefined,
    run: (stage) => pullBig(stage, 2),
    clear: async () => undefined,
  },
];
