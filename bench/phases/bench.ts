import type { Cgroups } from "../../src/linux/contract.ts";
import type { Results } from "../results.ts";
import type { Subject } from "../subjects/subject.ts";

/** How much is measured. */
export interface Sizes {
  /** Turns that each subject gets, in an order that rotates. */
  readonly rounds: number;
  /** Pod lives a turn. */
  readonly lives: number;
  /** Pod lives a reading of lives a second. */
  readonly livesAtOnce: number;
  readonly ratesOfLives: number;
  /** Commands a turn, alone and at once, and turns. */
  readonly execs: number;
  readonly execRounds: number;
  /** Turns of streams; what goes through one of each kind, there and back; and how many are open together. */
  readonly streamRounds: number;
  readonly streamBytes: number;
  readonly streams: number;
  /** For how long pods have their probes, in ms. */
  readonly probeMs: number;
  readonly pods: number;
  /** List calls, and statistics calls, of each kind. */
  readonly listCalls: number;
  readonly statsCalls: number;
  /** Between two calls for statistics: more than anybody's cache of a second, or little. */
  readonly betweenStatsMs: number;
  /** Rest before memory is read, in ms: longer than berth's threads wait for work, and than it takes to let memory go. */
  readonly restMs: number;
  /** How long idle CPU is watched, in ms. */
  readonly watchMs: number;
  readonly pulls: number;
  /** The size of the big image, unpacked. */
  readonly bigBytes: number;
}

export const full: Sizes = {
  rounds: 10,
  lives: 3,
  livesAtOnce: 24,
  ratesOfLives: 3,
  execs: 25,
  execRounds: 6,
  streamRounds: 3,
  streamBytes: 1 << 30,
  streams: 200,
  probeMs: 15_000,
  pods: 100,
  listCalls: 50,
  statsCalls: 5,
  betweenStatsMs: 1_100,
  restMs: 24_000,
  watchMs: 5_000,
  pulls: 3,
  bigBytes: 1150 << 20,
};

export const quick: Sizes = {
  ...full,
  rounds: 5,
  ratesOfLives: 1,
  execRounds: 3,
  streamRounds: 1,
  probeMs: 10_000,
  pods: 50,
  statsCalls: 3,
  pulls: 1,
};

/** As little as shows that everything works. */
export const tiny: Sizes = {
  rounds: 1,
  lives: 1,
  livesAtOnce: 4,
  ratesOfLives: 1,
  execs: 2,
  execRounds: 1,
  streamRounds: 1,
  streamBytes: 4 << 20,
  streams: 3,
  probeMs: 500,
  pods: 2,
  listCalls: 2,
  statsCalls: 1,
  betweenStatsMs: 50,
  restMs: 100,
  watchMs: 200,
  pulls: 1,
  bigBytes: 4 << 20,
};

/** What every part of a benchmark works with. */
export interface Bench {
  readonly subjects: readonly Subject[];
  readonly cgroups: Cgroups;
  readonly results: Results;
  /** As in `127.0.0.1:5000`. */
  readonly registry: string;
  readonly sizes: Sizes;
  /** Ends the benchmark at the next turn. */
  readonly signal: AbortSignal;
  /** Tells the one who waits where it stands. */
  readonly say: (text: string) => void;
}

/** Gives every subject a turn in each round; each round begins with another one, and ends with what comes `after`. */
export async function inTurns(
  { subjects, signal }: Pick<Bench, "subjects" | "signal">,
  rounds: number,
  turn: (subject: Subject, round: number) => Promise<void>,
  after: (round: number) => Promise<void> = async () => undefined,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < subjects.length; at++) {
      signal.throwIfAborted();
      const subject = subjects[(round + at) % subjects.length];
      if (subject !== undefined) await turn(subject, round);
    }
    await after(round);
  }
}
