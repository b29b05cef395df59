import { readFileSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { errnoOf } from "../../linux/libc.ts";

/**
 * Gives the processes of a container another oom_score_adj (proc(5)): those that have the same as its first one. Others
 * set their own, and keep it.
 *
 * @returns the score before, undefined when the first process has ended
 * @throws {Fault} forbidden for a score that the kernel lets only others set
 */
export function setOomScore(init: number, processes: readonly number[], score: number): number | undefined {
  const before = scoreOf(init);
  if (before === undefined || before === score) return before;
  for (const pid of [init, ...processes.filter((other) => other !== init)])
    if (scoreOf(pid) === before) writeScore(pid, score);
  return before;
}

function scoreOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/oom_score_adj`, "latin1"));
  } catch {
    return undefined; // it has ended
  }
}

function writeScore(pid: number, score: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(score), { flag: "r+" });
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ESRCH") return;
    throw new Fault("forbidden", `oom_score_adj can't be set to ${score}: ${code}`, {
      cause: error,
      hint: "a lower score than the daemon's own takes CAP_SYS_RESOURCE",
    });
  }
}
