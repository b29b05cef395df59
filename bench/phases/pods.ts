import { setTimeout as sleep } from "node:timers/promises";
import { cgroupCpu, clientCpu, machineCpu } from "../cpu.ts";
import { barePod, floorParts } from "../floors.ts";
import { podDown, podUp, severalAtOnce } from "../pod-life.ts";
import { busyboxImage } from "../registry.ts";
import type { Subject } from "../subjects/subject.ts";
import { floorSubject } from "../table.ts";
import { type Bench, inTurns } from "./bench.ts";

/** The kernel takes a network namespace away after its last user has gone: that belongs to the turn. */
const afterwardsMs = 200;
const idleWatchMs = 3_000;
const atOnce = 4;

/** Pods' lives one after the other, step by step, and then several at once. */
export async function measurePods(bench: Bench): Promise<void> {
  const { sizes, say, subjects, registry } = bench;
  await using stack = new AsyncDisposableStack();
  const berth = subjects.find(({ isBerth }) => isBerth);
  const floors = berth && (await floorParts(berth, `${registry}/${busyboxImage}`, stack));
  say("pods: warming up");
  for (const subject of subjects) await life(bench, subject, "warm-up", () => undefined);
  const idle = await idleRate(Math.min(idleWatchMs, sizes.watchMs));
  say(`pods: ${sizes.rounds} rounds of ${sizes.lives}`);
  const { rounds, lives } = sizes;
  const turnOf = (subject: Subject, round: number) => turn(bench, subject, round, idle);
  await inTurns(bench, rounds, turnOf, async (round) => {
    for (let index = 0; floors !== undefined && index < lives; index++)
      await barePod(round * lives + index, floors, (name, ms) => bench.results.add(name, floorSubject, ms));
  });
  say(`pods: ${sizes.livesAtOnce} lives, ${atOnce} at once`);
  await inTurns(bench, sizes.ratesOfLives, (subject, round) => lifeRate(bench, subject, round));
}

/** The CPU that the machine takes while every subject idles, in ms a ms. */
async function idleRate(watchMs: number): Promise<number> {
  const before = machineCpu() - clientCpu();
  await sleep(watchMs);
  return (machineCpu() - clientCpu() - before) / watchMs;
}

async function turn(bench: Bench, subject: Subject, round: number, idle: number): Promise<void> {
  const { results, sizes, cgroups } = bench;
  const began = performance.now();
  const machine = machineCpu() - clientCpu();
  const own = subject.cgroup === undefined ? undefined : cgroupCpu(cgroups, subject.cgroup);
  for (let index = 0; index < sizes.lives; index++)
    await life(bench, subject, `pod-${round}-${index}`, (call, ms) => results.add(call, subject.name, ms));
  await sleep(afterwardsMs);
  const worked = machineCpu() - clientCpu() - machine - idle * (performance.now() - began);
  results.add("machine CPU", subject.name, worked / sizes.lives);
  if (subject.cgroup === undefined || own === undefined) return;
  results.add("own CPU", subject.name, (cgroupCpu(cgroups, subject.cgroup) - own) / sizes.lives);
}

async function life(
  { registry, cgroups }: Bench,
  subject: Subject,
  name: string,
  note: (call: string, ms: number) => void,
): Promise<void> {
  const pod = await podUp(subject, name, `${registry}/${busyboxImage}`, cgroups, note);
  await podDown(subject, pod, cgroups, note);
}

async function lifeRate(bench: Bench, subject: Subject, round: number): Promise<void> {
  const { sizes, signal } = bench;
  const { livesAtOnce } = sizes;
  const began = performance.now();
  await severalAtOnce(livesAtOnce, atOnce, signal, (index) =>
    life(bench, subject, `many-${round}-${index}`, () => undefined),
  );
  bench.results.add("lives", subject.name, (livesAtOnce * 1000) / (performance.now() - began));
  await sleep(afterwardsMs);
}
