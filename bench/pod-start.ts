/**
 * The start of a pod with one container, step by step, against what the programs that berth starts take when they are
 * started by nothing else. Both in turns, so that the machine's moods meet both.
 *
 *     node bench/pod-start.ts [rounds] [rounds after a pause]
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { StepTime } from "../src/base/steps.ts";
import { TestDaemon } from "../test/harness/daemon.ts";
import { busyboxImage, importBusybox } from "../test/harness/images.ts";
import { podConfig, removePod, shellConfig } from "../test/harness/pods.ts";
import { cpuOf, Readings } from "./figures.ts";
import { barePod, floorParts } from "./floors.ts";
import { enterOwnMounts } from "./own-mounts.ts";

/** Longer than berth's threads wait for work before they end. */
const idleMs = 12_000;

interface Started {
  readonly podId: string;
  readonly containerId: string;
  readonly wallMs: number;
  readonly steps: readonly StepTime[];
}

async function startPod(daemon: TestDaemon, name: string, readings: Readings): Promise<Started> {
  const config = podConfig(daemon, name);
  const timed = async <T>(call: string, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    const answer = await work;
    readings.add(call, performance.now() - began);
    return answer;
  };
  const began = performance.now();
  const { podSandboxId: podId } = await timed(
    "RunPodSandbox",
    daemon.pods.runPodSandbox({ config, runtimeHandler: "" }),
  );
  const { containerId } = await timed(
    "CreateContainer",
    daemon.pods.createContainer({
      podSandboxId: podId,
      config: shellConfig("main", busyboxImage, "sleep 9999"),
      sandboxConfig: config,
    }),
  );
  await timed("StartContainer", daemon.pods.startContainer({ containerId }));
  const wallMs = performance.now() - began;
  readings.add("pod up, as its client sees it", wallMs);
  return { podId, containerId, wallMs, steps: await timelineOf(daemon, podId, containerId) };
}

async function timelineOf(daemon: TestDaemon, podId: string, containerId: string): Promise<StepTime[]> {
  const pod = await daemon.pods.podSandboxStatus({ podSandboxId: podId, verbose: true });
  const container = await daemon.pods.containerStatus({ containerId, verbose: true });
  return [pod, container].flatMap(({ info }) => JSON.parse(info.info ?? "{}").timeline as StepTime[]);
}

/** Starts a pod, notes its steps, and takes it away. @returns what berth itself took of it, in ms */
async function measure(daemon: TestDaemon, name: string, readings: Readings): Promise<number> {
  const { podId, wallMs, steps } = await startPod(daemon, name, readings);
  let outside = 0;
  let own = 0;
  for (const [index, step] of steps.entries()) {
    const of = index < steps.findLastIndex((each) => each.step === "record") ? "pod" : "container";
    const stepName = `${of}: ${step.step}`;
    outside += step.outside ?? 0;
    own += step.ms - (step.outside ?? 0);
    readings.add(stepName, step.ms);
    if (step.outside !== undefined) readings.add(`${stepName}, of it outside`, step.outside);
  }
  readings.add("outside: plugins, monitor, runtime", outside);
  readings.add("berth's own, sum of its steps", own);
  readings.add("berth's own, wall time less outside", wallMs - outside);
  await removePod(daemon, podId);
  return wallMs - outside;
}

enterOwnMounts();
const rounds = Number(process.argv[2] ?? 30);
const pauses = Number(process.argv[3] ?? 3);
await using stack = new AsyncDisposableStack();
const daemon = await TestDaemon.start({ runtime: "crun", extraConfig: process.env.BERTH_BENCH_CONFIG ?? "" });
stack.defer(() => daemon.close());
await importBusybox(daemon);

const first = new Readings();
await measure(daemon, "first", first);
const parts = await floorParts(daemon, busyboxImage, stack);
const warm = new Readings();
let cpu = 0;
for (let round = 0; round < rounds; round++) {
  const before = cpuOf(daemon.pid);
  const own = await measure(daemon, `warm-${round}`, warm);
  cpu += cpuOf(daemon.pid) - before;
  await barePod(round, parts, (name, ms) => warm.add(name, ms));
  warm.add("berth's own beside bare", own);
}
const rested = new Readings();
for (let round = 0; round < pauses; round++) {
  await sleep(idleMs);
  await measure(daemon, `rested-${round}`, rested);
}
console.log(`\n## first pod after the daemon's start\n\n${first.table()}`);
console.log(`\n## ${rounds} pods, one after the other\n\n${warm.table()}`);
console.log(`\n## a pod after ${idleMs / 1000} s without one (${pauses} times)\n\n${rested.table()}`);
console.log(`\nthe daemon's CPU for a pod's start and removal: ${(cpu / rounds).toFixed(1)} ms`);
const up = warm.at("pod up, as its client sees it", 0.5);
console.log(`pod up / bare: ${(up / warm.at("bare up", 0.5)).toFixed(2)}`);
