import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cgroups } from "../src/linux/contract.ts";

/** The directory that accounts a cgroup's CPU time. */
function accounting(cgroups: Cgroups, cgroup: string): string {
  const directories = cgroups.directories(cgroup);
  const directory = directories.get(cgroups.version === 1 ? "cpuacct" : "unified");
  if (directory === undefined) throw new Error("no cgroup hierarchy accounts CPU time");
  return directory;
}

/** Makes a cgroup and puts a process into it where CPU time is accounted; what it starts from now on follows. */
export async function enterCgroup(cgroups: Cgroups, cgroup: string, pid: number): Promise<void> {
  await cgroups.create(cgroup);
  writeFileSync(join(accounting(cgroups, cgroup), "cgroup.procs"), `${pid}`);
}

/** All processes below a cgroup. */
export function processesIn(cgroups: Cgroups, cgroup: string): readonly number[] {
  return readdirSync(accounting(cgroups, cgroup), { recursive: true, withFileTypes: true })
    .filter(({ name }) => name === "cgroup.procs")
    .flatMap(({ name, parentPath }) => readFileSync(join(parentPath, name), "utf8").split("\n"))
    .filter(Boolean)
    .map(Number);
}

/** A process below a cgroup that is in another network than this program. @throws {Error} when there is none */
export function processIn(cgroups: Cgroups, cgroup: string): number {
  const networkOf = (pid: number | "self") => readlinkSync(`/proc/${pid}/ns/net`);
  // Monitors are in this one.
  const found = processesIn(cgroups, cgroup).find((pid) => networkOf(pid) !== networkOf("self"));
  if (found === undefined) throw new Error(`no process below ${cgroup}`);
  return found;
}

/**
 * What all processes below a cgroup have ever taken, those included that have ended, in ms. Others on the machine don't
 * show in it.
 */
export function cgroupCpu(cgroups: Cgroups, cgroup: string): number {
  const directory = accounting(cgroups, cgroup);
  if (cgroups.version === 1) return Number(readFileSync(join(directory, "cpuacct.usage"), "utf8")) / 1e6;
  const text = readFileSync(join(directory, "cpu.stat"), "utf8");
  return Number(/^usage_usec (\d+)/m.exec(text)?.[1]) / 1e3;
}

/** What the whole machine has worked, the kernel's own threads included, in ms (proc(5), stat: 100 ticks a second). */
export function machineCpu(): number {
  const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0] ?? "";
  const [user, nice, system, , , irq, softirq] = line.trim().split(/\s+/).slice(1).map(Number);
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) * 10;
}

/** What this program itself has taken: the client, which is no part of what is measured. In ms. */
export function clientCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}
