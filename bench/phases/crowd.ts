import { setTimeout as sleep } from "node:timers/promises";
import { cgroupCpu, processesIn } from "../cpu.ts";
import { cpuOf, pssOf } from "../figures.ts";
import { monitorsOf } from "../monitors.ts";
import { type LivePod, podDown, podUp, severalAtOnce } from "../pod-life.ts";
import { busyboxImage } from "../registry.ts";
import type { Subject } from "../subjects/subject.ts";
import { floorSubject } from "../table.ts";
import type { Bench } from "./bench.ts";
import { measureProbes } from "./probes.ts";

const atOnce = 4;
/** CRI-O gives one of each container, that it was seen, when no others are asked for. */
const fewMetrics = 10;

/** Which of the figures of many pods are wanted. */
export interface CrowdParts {
  readonly lists: boolean;
  readonly memory: boolean;
  readonly probes: boolean;
}

/** Memory of idle daemons; then each with many pods that do nothing, one daemon after the other; then memory again. */
export async function measureCrowds(bench: Bench, parts: CrowdParts): Promise<void> {
  const { subjects, sizes, results } = bench;
  results.add("pods", floorSubject, sizes.pods);
  if (parts.memory) {
    await sleep(sizes.restMs);
    for (const subject of subjects) noteMemory(bench, subject, "daemon idle");
  }
  for (const subject of subjects) await measureCrowd(bench, subject, parts);
  if (parts.memory) {
    await sleep(sizes.restMs);
    for (const subject of subjects) noteMemory(bench, subject, "daemon after");
  }
}

async function measureCrowd(bench: Bench, subject: Subject, parts: CrowdParts): Promise<void> {
  const { sizes, registry, cgroups, signal, say } = bench;
  const silent = () => undefined;
  say(`${sizes.pods} pods: ${subject.name}`);
  const pods: LivePod[] = [];
  await severalAtOnce(sizes.pods, atOnce, signal, async (index) => {
    pods.push(await podUp(subject, `crowd-${index}`, `${registry}/${busyboxImage}`, cgroups, silent));
  });
  if (parts.lists) {
    await timeLists(bench, subject);
    await timeStats(bench, subject);
    await timeMetrics(bench, subject);
  }
  if (parts.memory) {
    await sleep(Math.max(0, sizes.restMs - sizes.watchMs));
    await noteIdleCpu(bench, subject);
    noteCrowdMemory(bench, subject, pods);
  }
  if (parts.probes) await measureProbes(bench, subject, pods);
  await severalAtOnce(pods.length, atOnce, signal, async (index) => {
    const pod = pods[index];
    if (pod !== undefined) await podDown(subject, pod, cgroups, silent);
  });
}

async function timeLists({ results, sizes }: Bench, { name, pods }: Subject): Promise<void> {
  const timed = async (call: string, count: Promise<number>) => {
    const began = performance.now();
    expectAll(call, name, await count, sizes.pods);
    return performance.now() - began;
  };
  const containers = () =>
    timed(
      "ListContainers",
      pods.listContainers({}).then((answer) => answer.containers.length),
    );
  const podSandboxes = () =>
    timed(
      "ListPodSandbox",
      pods.listPodSandbox({}).then((answer) => answer.items.length),
    );
  // The client's own code has to be compiled, too.
  for (let warm = 0; warm < sizes.listCalls; warm++) await containers().then(podSandboxes);
  for (let count = 0; count < sizes.listCalls; count++) {
    results.add("ListContainers", name, await containers());
    results.add("ListPodSandbox", name, await podSandboxes());
  }
}

/** The first call of each kind is left out: it may have to begin what the later ones go on with. */
async function timeStats({ results, sizes }: Bench, { name, pods }: Subject): Promise<void> {
  for (let count = 0; count <= sizes.statsCalls; count++) {
    await sleep(sizes.betweenStatsMs);
    let began = performance.now();
    const containers = await pods.listContainerStats({});
    const containersMs = performance.now() - began;
    expectAll("ListContainerStats", name, containers.stats.length, sizes.pods);
    await sleep(sizes.betweenStatsMs);
    began = performance.now();
    const podSandboxes = await pods.listPodSandboxStats({});
    const podSandboxesMs = performance.now() - began;
    expectAll("ListPodSandboxStats", name, podSandboxes.stats.length, sizes.pods);
    if (count === 0) continue;
    results.add("ListContainerStats", name, containersMs);
    results.add("ListPodSandboxStats", name, podSandboxesMs);
  }
}

/** Of daemons that give metrics for every container: the others do not have the call, or are told by settings to give none. */
async function timeMetrics(
  { results, sizes, cgroups }: Bench,
  { name, pods, cgroup }: Subject,
): Promise<void> {
  for (let count = 0; count <= sizes.statsCalls; count++) {
    await sleep(sizes.betweenStatsMs);
    const cpu = cgroup === undefined ? Number.NaN : cgroupCpu(cgroups, cgroup);
    const began = performance.now();
    const answer = await pods.listPodSandboxMetrics({}).catch(() => undefined);
    const ms = performance.now() - began;
    const given = answer?.podMetrics.filter(({ containerMetrics }) =>
      containerMetrics.some(({ metrics }) => metrics.length > fewMetrics),
    );
    if (given?.length !== sizes.pods) return;
    if (count === 0) continue;
    results.add("ListPodSandboxMetrics", name, ms);
    if (cgroup !== undefined) results.add("metrics CPU", name, cgroupCpu(cgroups, cgroup) - cpu);
  }
}

function expectAll(call: string, name: string, count: number, expected: number): void {
  if (count !== expected) throw new Error(`${name}: ${call} told of ${count}, not of ${expected}`);
}

async function noteIdleCpu({ results, sizes, cgroups }: Bench, subject: Subject): Promise<void> {
  const { cgroup, pid, name } = subject;
  const read = () =>
    cgroup === undefined ? (pid === undefined ? undefined : cpuOf(pid)) : cgroupCpu(cgroups, cgroup);
  const before = read();
  await sleep(sizes.watchMs);
  const after = read();
  if (before !== undefined && after !== undefined)
    results.add("idle CPU", name, ((after - before) / sizes.watchMs) * 1000);
}

function noteMemory({ results }: Bench, { pid, name }: Subject, figure: string): number | undefined {
  if (pid === undefined) return undefined;
  const memory = pssOf(pid);
  results.add(figure, name, memory);
  return memory;
}

function noteCrowdMemory(bench: Bench, subject: Subject, pods: readonly LivePod[]): void {
  const own = noteMemory(bench, subject, "daemon with pods");
  const ids = pods.flatMap(({ podSandboxId, containerId }) => [podSandboxId, containerId]);
  const theirs = monitorsOf(new Set(ids)).reduce((sum, pid) => sum + pssOf(pid), 0);
  bench.results.add("monitors with pods", subject.name, theirs);
  if (own !== undefined) bench.results.add("all with pods", subject.name, own + theirs);
  const { cgroup, pid } = subject;
  if (cgroup === undefined) return;
  const others = processesIn(bench.cgroups, cgroup).filter((process) => process !== pid);
  const each = others.reduce((sum, process) => sum + pssOf(process), 0) / pods.length;
  bench.results.add("a pod's processes", subject.name, each);
}
