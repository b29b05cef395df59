import { readFileSync, writeFileSync } from "node:fs";

let known: number | undefined;

/** This process's oom_score_adj (proc(5)). Programs that it starts inherit it. */
function ownOomScore(): number {
  known ??= Number(readFileSync("/proc/self/oom_score_adj", "latin1"));
  return known;
}

/** Takes from a program that was just started what shields this process from being killed for memory. */
export function unshield(pid: number): void {
  if (ownOomScore() >= 0) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "0", { flag: "r+" });
  } catch {
    // it has ended
  }
}

/** The command line that sets its own score and then becomes `command`, where it would have another one. */
export function withOomScore(
  score: number | undefined,
  command: readonly string[],
  own = ownOomScore(),
): readonly string[] {
  if (score === undefined || score === own) return command;
  return ["/bin/sh", "-c", setThenBecome, "sh", String(score), ...command];
}

const setThenBecome = `echo "$1" >/proc/self/oom_score_adj || exit; shift; exec "$@"`;
