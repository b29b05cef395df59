import { constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import { type CgroupHierarchies, checkOwnCgroup, unified } from "./cgroup-hierarchies.ts";
import { cgroupProcesses, groupsAtOrBelow } from "./cgroup-tree.ts";
import { killIfThere } from "./kill-if-there.ts";

/** Waits between rounds grow to this. */
const longestWaitMs = 50;

/** What is still there after so many rounds is frozen, may fork, or takes its time to die. */
const plainRounds = 3;

/**
 * KILLs every process in the group and below, until none is left. v2 does it in one write (Linux 5.14).
 * Elsewhere they are killed as listed, which is enough for nearly all; what outlives that is frozen first where the
 * kernel can, so that none forks away between being listed and being killed.
 *
 * @throws {Fault} wrongState when this very process is in it; deadline or cancelled as the signal says
 */
export async function killCgroup(
  hierarchies: CgroupHierarchies,
  cgroup: string,
  signal: AbortSignal,
): Promise<void> {
  checkOwnCgroup(cgroup);
  for (let pause = 1, round = 0; ; pause = Math.min(pause * 2, longestWaitMs), round++) {
    const pids = cgroupProcesses(hierarchies, cgroup);
    if (pids.length === 0) return;
    throwIfEnded(signal, `killing ${pids.length} processes in cgroup ${cgroup}`);
    if (pids.includes(process.pid)) throw new Fault("wrongState", `cgroup ${cgroup} holds this very process`);
    if (hierarchies.version === 1 || !(await killUnified(hierarchies, cgroup))) {
      if (round < plainRounds) for (const pid of pids) kill(pid);
      else await killFrozen(hierarchies, cgroup, pids);
    }
    await sleep(pause);
  }
}

/** False when this kernel has no cgroup.kill. */
async function killUnified({ mounts }: CgroupHierarchies, cgroup: string): Promise<boolean> {
  const mount = mounts.get(unified);
  return mount !== undefined && (await write(posix.join(mount, cgroup, "cgroup.kill"), "1"));
}

async function killFrozen(
  hierarchies: CgroupHierarchies,
  cgroup: string,
  listed: readonly number[],
): Promise<void> {
  const freezer = hierarchies.mounts.get("freezer");
  const top = freezer === undefined ? undefined : posix.join(freezer, cgroup);
  try {
    if (top !== undefined) await write(join(top, "freezer.state"), "FROZEN");
    const pids = top === undefined ? listed : cgroupProcesses(hierarchies, cgroup);
    for (const pid of pids) kill(pid);
  } finally {
    // Not the top alone: a paused container is frozen on its own account, and would not die.
    const frozen = top === undefined ? [] : groupsAtOrBelow(top);
    for (const directory of frozen) await write(join(directory, "freezer.state"), "THAWED");
  }
}

/** False when there is no such file, or the group is gone. */
async function write(file: string, value: string): Promise<boolean> {
  try {
    await writeFile(file, value, { flag: constants.O_WRONLY });
    return true;
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  if (pid !== process.pid) killIfThere(pid);
}
