/**
 * What a kubelet reads all the time, with many pods: the client's wall time, the daemon's CPU a call, and for how long it
 * held its main thread up. Version is the floor: what gRPC itself takes. (bench/profile.ts tells where the CPU goes.)
 *
 *     node bench/reads.ts [pods] [containers a pod] [calls]
 */
import { TestDaemon } from "../test/harness/daemon.ts";
import { busyboxImage, importBusybox } from "../test/harness/images.ts";
import { Inspector } from "../test/harness/inspector.ts";
import { removeAllPods, runContainer, runPod, shellConfig } from "../test/harness/pods.ts";
import { cpuOf, markdown, Readings } from "./figures.ts";
import { enterOwnMounts } from "./own-mounts.ts";

/** As many as a kubelet gives, so that the messages are as long. */
const labels = {
  app: "web",
  "io.kubernetes.pod.name": "web-7d4b9c6f5d-x2x9k",
  "io.kubernetes.pod.namespace": "default",
  "io.kubernetes.pod.uid": "0d6d9f3e-5b0f-4f0e-9a52-6a4b1e2f7c11",
};
const annotations = {
  "io.kubernetes.container.hash": "5c6f0d1a",
  "io.kubernetes.container.restartCount": "0",
  "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
  "io.kubernetes.container.terminationMessagePolicy": "File",
};

enterOwnMounts();
const [pods = 100, each = 1, rounds = 200] = process.argv.slice(2).map(Number);
await using stack = new AsyncDisposableStack();
const daemon = await TestDaemon.start({ runtime: "crun", inspect: true });
stack.defer(() => daemon.close());
await importBusybox(daemon);
stack.defer(() => removeAllPods(daemon));
using inspector = await Inspector.open(daemon.logFile);
for (let made = 0; made < pods; made++) {
  const pod = await runPod(daemon, `pod-${made}`, { labels, annotations });
  for (let inside = 0; inside < each; inside++)
    await runContainer(
      daemon,
      pod,
      shellConfig(`c${inside}`, busyboxImage, "exec sleep 9999", { labels, annotations }),
    );
}
const [container] = (await daemon.pods.listContainers({})).containers;
const { id: containerId = "", podSandboxId = "" } = container ?? {};
const calls: readonly [string, () => Promise<unknown>][] = [
  ["Version", () => daemon.pods.version({ version: "v1" })],
  ["Status", () => daemon.pods.status({})],
  ["ContainerStatus", () => daemon.pods.containerStatus({ containerId })],
  ["PodSandboxStatus", () => daemon.pods.podSandboxStatus({ podSandboxId })],
  ["ListImages", () => daemon.images.listImages({})],
  ["ListPodSandbox", () => daemon.pods.listPodSandbox({})],
  ["ListContainers", () => daemon.pods.listContainers({})],
  ["ListContainerStats", () => daemon.pods.listContainerStats({})],
  ["ListPodSandboxStats", () => daemon.pods.listPodSandboxStats({})],
  ["ListPodSandboxMetrics", () => daemon.pods.listPodSandboxMetrics({})],
];
const readings = new Readings();
const cpu = [["the daemon", "CPU a call (ms)", "longest turn of its main thread (ms)"]];
for (const [name, call] of calls) {
  for (let warm = 0; warm < 20; warm++) await call();
  const before = cpuOf(daemon.pid);
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await call();
    readings.add(name, performance.now() - began);
  }
  const used = (cpuOf(daemon.pid) - before) / rounds;
  const turn = await longestTurnWhile(async () => {
    for (let round = 0; round < rounds; round++) await call();
  });
  cpu.push([name, used.toFixed(2), turn.toFixed(1)]);
}
console.log(`${readings.table()}\n\n${markdown(cpu)}`);

/** The longest time in ms for which the daemon's main thread did not get to its timers. */
async function longestTurnWhile(work: () => Promise<void>): Promise<number> {
  const evaluate = (expression: string) => inspector.call("Runtime.evaluate", { expression });
  const module = 'process.getBuiltinModule("node:perf_hooks")';
  await evaluate(`globalThis.turns = ${module}.monitorEventLoopDelay({ resolution: 1 }); turns.enable()`);
  await work();
  const answer = (await evaluate("turns.disable(); String(turns.max / 1e6)")) as {
    result: { value: string };
  };
  return Number(answer.result.value);
}
