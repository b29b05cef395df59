import { setTimeout as sleep } from "node:timers/promises";
import { cgroupCpu } from "../cpu.ts";
import type { LivePod } from "../pod-life.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Bench } from "./bench.ts";
import { runTrue } from "./exec.ts";

const periodMs = 1000;

/**
 * Every pod has an exec probe each second, as a kubelet runs them: each at a moment of its own, and the next one only when
 * the last has ended. A daemon that can't keep up makes fewer.
 */
export async function measureProbes(bench: Bench, subject: Subject, pods: readonly LivePod[]): Promise<void> {
  const { results, sizes, cgroups, signal } = bench;
  const took: number[] = [];
  const probe = async (pod: LivePod, offsetMs: number, until: number) => {
    for (let due = performance.now() + offsetMs; due < until; ) {
      signal.throwIfAborted();
      await sleep(due - performance.now());
      const began = performance.now();
      await runTrue(subject, pod);
      const ended = performance.now();
      took.push(ended - began);
      due += Math.max(1, Math.ceil((ended - due) / periodMs)) * periodMs;
    }
  };
  for (const pod of pods) await runTrue(subject, pod); // what each needs once is not a probe's
  const cpu = () => (subject.cgroup === undefined ? undefined : cgroupCpu(cgroups, subject.cgroup));
  const before = cpu();
  const began = performance.now();
  const until = began + sizes.probeMs;
  await Promise.all(pods.map((pod, index) => probe(pod, (index * periodMs) / pods.length, until)));
  const seconds = (performance.now() - began) / 1000;
  const after = cpu();
  for (const ms of took) results.add("probe", subject.name, ms);
  results.add("probes", subject.name, took.length / seconds);
  if (before !== undefined && after !== undefined) {
    results.add("probes CPU", subject.name, (after - before) / seconds);
    results.add("probe CPU", subject.name, (after - before) / took.length);
  }
}
