import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { ContainerId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";
import type { Cgroups } from "../linux/contract.ts";
import { cgroupOfBundle } from "./bundle.ts";

/** 128 + KILL. */
const killed = 137;

/**
 * True when the kernel killed the container, or a process in it, for want of memory, whatever code it ended with: by conmon's
 * note, or the kernel's own count, as conmon may hear of the exit before it hears of the kill.
 *
 * systemd takes a scope away the moment it is empty, with that count, and may be quicker than conmon. The pod's group has
 * counted it too: if there are more there than when the container was created, and nobody else is known to have killed it,
 * that was it.
 */
export function wasOomKilled(id: ContainerId, exitCode: number, paths: Paths, cgroups: Cgroups): boolean {
  const { bundle, oomFile } = paths.container(id);
  const isNoted = existsSync(oomFile);
  // with cgroup v1, conmon notes that memory was short, whether or not somebody was killed for it
  if (isNoted && exitCode !== 0) return true;
  const cgroup = cgroupOfBundle(bundle);
  if (cgroup === undefined) return isNoted;
  const own = oomKills(cgroup, cgroups);
  if (own !== undefined) return own > 0;
  if (isNoted) return true;
  if (exitCode !== killed || existsSync(killNote(bundle))) return false;
  const before = podKillsBefore(bundle);
  return before !== undefined && (oomKills(posix.dirname(cgroup), cgroups) ?? 0) > before;
}

/** Notes how many were killed in the pod of a container that is about to be created, where its own count will not stay. */
export function notePodKills(bundle: string, cgroups: Cgroups): void {
  const cgroup = cgroupOfBundle(bundle);
  if (cgroup?.endsWith(".scope") !== true) return;
  writeFileSync(podKillsNote(bundle), String(oomKills(posix.dirname(cgroup), cgroups) ?? 0), { mode: 0o600 });
}

/** Notes that it is berth that kills a container. */
export function noteKill(bundle: string): void {
  if (existsSync(podKillsNote(bundle))) writeFileSync(killNote(bundle), "", { mode: 0o600 });
}

/** The files of these notes in the bundle. */
export function oomNotes(bundle: string): readonly string[] {
  return [podKillsNote(bundle), killNote(bundle)];
}

function podKillsNote(bundle: string): string {
  return join(bundle, "oom-kills-of-pod");
}

function killNote(bundle: string): string {
  return join(bundle, "killed");
}

function podKillsBefore(bundle: string): number | undefined {
  try {
    return Number(readFileSync(podKillsNote(bundle), "latin1"));
  } catch {
    return undefined; // its own count stays
  }
}

/** Undefined when there is no such group. */
function oomKills(cgroup: string, cgroups: Cgroups): number | undefined {
  const [controller, name] =
    cgroups.version === 1 ? ["memory", "memory.oom_control"] : ["unified", "memory.events"];
  const directory = cgroups.directories(cgroup).get(controller);
  if (directory === undefined) return undefined;
  try {
    const text = readFileSync(join(directory, name), "latin1");
    return Number(/^oom_kill ([0-9]+)$/m.exec(text)?.[1] ?? 0);
  } catch {
    return undefined;
  }
}
