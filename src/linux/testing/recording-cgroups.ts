import { posix } from "node:path";
import { throwIfEnded } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Cgroups } from "../contract.ts";

/** Makes no cgroup: keeps groups and their processes in memory, and a line for each call. */
export class RecordingCgroups implements Cgroups {
  readonly version: 1 | 2;
  readonly calls: string[] = [];
  /** Processes by group. */
  readonly groups = new Map<string, number[]>();
  /** Throws to make a call fail; gets the line that is recorded for it. */
  before: (call: string) => void = () => undefined;

  constructor(version: 1 | 2 = 2) {
    this.version = version;
  }

  directories(cgroup: string): ReadonlyMap<string, string> {
    const names = this.version === 2 ? ["unified"] : ["cpu", "cpuacct", "cpuset", "memory", "pids"];
    const at = (name: string) => (this.version === 2 ? "/sys/fs/cgroup" : `/sys/fs/cgroup/${name}`);
    return new Map(names.map((name) => [name, posix.join(at(name), cgroup)]));
  }

  async create(cgroup: string): Promise<void> {
    this.#record(`create ${cgroup}`);
    for (let group = cgroup; group !== "/"; group = posix.dirname(group)) {
      if (!this.groups.has(group)) this.groups.set(group, []);
    }
  }

  async exists(cgroup: string): Promise<boolean> {
    return this.groups.has(cgroup);
  }

  async processes(cgroup: string): Promise<number[]> {
    return this.#atOrBelow(cgroup).flatMap((group) => this.groups.get(group) ?? []);
  }

  async killAll(cgroup: string, signal: AbortSignal): Promise<void> {
    this.#record(`killAll ${cgroup}`);
    throwIfEnded(signal, `killing cgroup ${cgroup}`);
    for (const group of this.#atOrBelow(cgroup)) this.groups.set(group, []);
  }

  async freeze(cgroup: string): Promise<void> {
    this.#record(`freeze ${cgroup}`);
  }

  async thaw(cgroup: string): Promise<void> {
    this.#record(`thaw ${cgroup}`);
  }

  async liftCpuQuota(cgroup: string): Promise<void> {
    this.#record(`liftCpuQuota ${cgroup}`);
  }

  async remove(cgroup: string, _wait: Ms): Promise<void> {
    this.#record(`remove ${cgroup}`);
    const busy = await this.processes(cgroup);
    if (busy.length > 0) throw new Fault("wrongState", `cgroup ${cgroup} holds processes ${busy.join(", ")}`);
    for (const group of this.#atOrBelow(cgroup)) this.groups.delete(group);
  }

  async below(cgroup: string): Promise<string[]> {
    return this.#atOrBelow(cgroup).toSorted();
  }

  #atOrBelow(cgroup: string): string[] {
    const prefix = cgroup === "/" ? "/" : `${cgroup}/`;
    return [...this.groups.keys()].filter((group) => group === cgroup || group.startsWith(prefix));
  }

  #record(call: string): void {
    this.calls.push(call);
    this.before(call);
  }
}
