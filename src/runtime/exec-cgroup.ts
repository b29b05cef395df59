import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Cgroups } from "../linux/contract.ts";
import { innerCgroup } from "../linux/inner-cgroup.ts";
import { processIdentity } from "../linux/process-identity.ts";

/** The names of the cgroups that hold a command's processes: a start of the daemon finds what is left by this. */
const prefix = "berth-exec-";
/** How long the kernel may take to let go of a cgroup whose processes were just killed. */
const removeWait: Ms = 1000;
/** How many generations a process may lie below the command that started it. */
const maxDepth = 64;

/**
 * The cgroup of one command that runs in a container, below the container's own: so that all it started, in whatever
 * session, can be killed. On cgroup v1 it is made in one hierarchy alone, the freezer's, as that can hold processes
 * still; limits and counts stay with the container's own group.
 */
export interface ExecCgroup {
  /** From the root of the hierarchies. */
  readonly path: string;
  readonly directory: string;
  /** Has the runtime start the command in it. Empty: it can't, and `gather` moves the processes. */
  readonly options: readonly string[];
}

/** The group that commands' groups are made in. */
interface Home {
  /** On v1: the hierarchy's name. */
  readonly controller: string | undefined;
  readonly path: string;
  readonly directory: string;
}

/** Who starts a command: a runtime that is told the group by an option, or anybody whose processes are `gather`ed. */
export type CommandStarter = "runc" | "crun" | "other";

/** @throws {Fault} wrongState when the container has no cgroup any more */
export function createExecCgroup(container: string, starter: CommandStarter, cgroups: Cgroups): ExecCgroup {
  const name = `${prefix}${randomBytes(6).toString("hex")}`;
  const { controller, path, directory } = homeOf(container, cgroups);
  try {
    mkdirSync(join(directory, name)); // a cgroup is made in memory, in microseconds
  } catch (error) {
    const kind = codeOf(error) === "ENOENT" ? "wrongState" : "internal";
    throw new Fault(kind, `making a cgroup for the command below ${path}`, { cause: error });
  }
  return {
    path: posix.join(path, name),
    directory: join(directory, name),
    options: optionsFor(starter, name, controller),
  };
}

/** crun on v1 joins the groups of that name in all hierarchies, and leaves its own where there is none: of no use. */
function optionsFor(starter: CommandStarter, name: string, controller: string | undefined): string[] {
  if (starter === "other") return [];
  if (controller === undefined) return ["--cgroup", name];
  return starter === "runc" ? ["--cgroup", `${controller}:${name}`] : [];
}

function homeOf(container: string, cgroups: Cgroups): Home {
  const path = innerCgroup(cgroups, container);
  const directories = cgroups.directories(path);
  const names = cgroups.version === 1 ? ["freezer", "pids", "memory"] : ["unified"];
  for (const controller of names) {
    const directory = directories.get(controller);
    if (directory === undefined) continue;
    if (cgroups.version === 1) return { controller, path, directory };
    return { controller: undefined, path, directory };
  }
  throw new Fault("unavailable", `cgroup ${container}: none of ${names.join(", ")} is mounted`);
}

/**
 * Moves a command's process and all it has started by now into its cgroup, where the runtime could not start it there.
 * A process that left both its parents and its session within this first moment is missed.
 */
export function gather(cgroup: ExecCgroup, pid: number): void {
  if (cgroup.options.length > 0) return;
  for (let moved = true; moved; ) {
    moved = false;
    for (const candidate of processesIn(join(cgroup.directory, ".."))) {
      if (candidate === pid || descendsFrom(candidate, pid)) {
        moved = enter(cgroup.directory, candidate) || moved;
      }
    }
  }
}

function descendsFrom(candidate: number, ancestor: number): boolean {
  for (let at = candidate, depth = 0; depth < maxDepth && at > 1; depth++) {
    const found = processIdentity(at);
    if (found === undefined) return false;
    if (found.parent === ancestor || found.session === ancestor) return true;
    at = found.parent;
  }
  return false;
}

/** The command has ended: what it left running on purpose goes on as the container's. */
export async function dissolve(cgroup: ExecCgroup): Promise<void> {
  const until = performance.now() + removeWait;
  while (!removed(cgroup.directory)) {
    const left = processesIn(cgroup.directory);
    for (const pid of left) enter(join(cgroup.directory, ".."), pid);
    if (left.length > 0) continue;
    if (performance.now() > until) return; // empty, yet busy: it goes with the container's own group
    await sleep(1);
  }
}

/** Kills the command and all it started. */
export async function killWhole(cgroup: ExecCgroup, cgroups: Cgroups, signal: AbortSignal): Promise<void> {
  await cgroups.killAll(cgroup.path, signal);
  await cgroups.remove(cgroup.path, removeWait);
}

/** Kills the commands in a container that a daemon left which was killed itself: nobody waits for them any more. */
export async function sweepExecs(container: string, cgroups: Cgroups, signal: AbortSignal): Promise<void> {
  const { path, directory } = homeOf(container, cgroups);
  const groups = await readdir(directory).catch(() => []);
  for (const name of groups.filter((group) => group.startsWith(prefix))) {
    const options: string[] = [];
    await killWhole(
      { path: posix.join(path, name), directory: join(directory, name), options },
      cgroups,
      signal,
    );
  }
}

/** False when the group is busy. */
function removed(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true; // gone with the container
    if (codeOf(error) === "EBUSY") return false;
    throw error;
  }
}

function processesIn(directory: string): number[] {
  try {
    return readFileSync(join(directory, "cgroup.procs"), "latin1").split("\n").filter(Boolean).map(Number);
  } catch {
    return []; // gone with the container
  }
}

/** False when the process is gone, or the group. */
function enter(directory: string, pid: number): boolean {
  try {
    writeFileSync(join(directory, "cgroup.procs"), String(pid), { flag: "r+" });
    return true;
  } catch (error) {
    if (codeOf(error) === "ESRCH" || codeOf(error) === "ENOENT" || codeOf(error) === "ENODEV") return false;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
