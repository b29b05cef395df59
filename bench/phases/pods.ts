import { setTimeout as sleep } from "node:timers/promises";
import { cgroupCpu, clientCpu, machineCpu } from "../cpu.ts";
import { quantile } from "../figures.ts";
import { barePod, floorParts } from "../floors.ts";
import { podDown, podUp, severalAtOnce } from "../pod-life.ts";
import { busyboxImage } from "../registry.ts";
import type { Subject } from "../subjects/subject.ts";
import { floorSubject } from "../table.ts";
import { type Bench, inTurns } from "./bench.ts";

/** The kernel takes a network namespace away after its last user has gone: that belongs to the turn. */
const afterwardsMs = 200;
const idleWatchMs = 500;
const atOnce = 4;

/** What the machine worked in a subject's turn, idling and all. */
interface Turn {
  readonly subject: Subject;
  readonly elapsedMs: number;
  readonly machineMs: number;
}

/** Pods' lives one after the other, step by step, and then several at once. */
export async function measurePods(bench: Bench): Promise<void> {
  const { sizes, say, subjects, registry, results } = bench;
  await using stack = new AsyncDisposableStack();
  const berth = subjects.find(({ isBerth }) => isBerth);
  const floors = berth && (await floorParts(berth, `${registry}/${busyboxImage}`, stack));
  say("pods: warming up");
  for (const subject of subjects) await life(bench, subject, "warm-up", () => undefined);
  const { rounds, lives } = sizes;
  say(`pods: ${rounds} rounds of ${lives}`);
  const turns: Turn[] = [];
  const idleRates: number[] = [];
  const turnOf = async (subject: Subject, round: number) =>
    void turns.push(await turn(bench, subject, round));
  await inTurns(bench, rounds, turnOf, async (round) => {
    for (let index = 0; floors !== undefined && index < lives; index++)
      await barePod(round * lives + index, floors, (name, ms) => results.add(name, floorSubject, ms));
    await sleep(afterwardsMs);
    idleRates.push(await idleRate(Math.min(idleWatchMs, sizes.watchMs)));
  });
  const idle = quantile(idleRates, 0.5);
  for (const { subject, elapsedMs, machineMs } of turns)
    results.add("machine CPU", subject.name, (machineMs - idle * elapsedMs) / lives);
  say(`pods: ${sizes.livesAtOnce} lives, ${atOnce} at once`);
  await inTurns(bench, sizes.ratesOfLives, (subject, round) => lifeRate(bench, subject, round));
}

/** The CPU that the machine takes while every subject idles, in ms a ms. */
async function idleRate(watchMs: number): Promise<number> {
  const before = machineCpu() - clientCpu();
  await sleep(watchMs);
  return (machineCpu() - clientCpu() - before) / watchMs;
}

async function turn(bench: Bench, subject: Subject, round: number): Promise<Turn> {
  const { results, sizes, cgroups } = bench;
  const { cgroup, name } = subject;
  const own = () => (cgroup === undefined ? Number.NaN : cgroupCpu(cgroups, cgroup));
  const began = performance.now();
  const machineBefore = machineCpu() - clientCpu();
  const ownBefore = own();
  for (let index = 0; index < sizes.lives; index++)
    await life(bench, subject, `pod-${round}-${index}`, (call, ms) => results.add(call, name, ms));
  await sleep(afterwardsMs);
  if (cgroup !== undefined) results.add("own CPU", name, (own() - ownBefore) / sizes.lives);
  const machineMs = machineCpu() - clientCpu() - machineBefore;
  return { subject, elapsedMs: performance.now() - began, machineMs };
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
