import { eachInTurn } from "../../base/short-turns.ts";
import type { Cgroups } from "../../linux/contract.ts";
import type { LiveReading } from "./contract.ts";
import { descriptorsOf, isSocket, maxOpenFiles, processesOf } from "./processes.ts";
import { CgroupMetricsReader } from "./read.ts";

/** Where the metrics of a running container are found. */
export interface MetricsTarget<Id extends string> {
  readonly id: Id;
  /** A path from the root of the hierarchies. */
  readonly cgroup: string;
  /** Its first process. */
  readonly init: number;
}

/** Reads what the metrics of many containers are made from, in short turns of the main thread. What is gone is left out. */
export class MetricsCollector<Id extends string> {
  /** The hierarchy whose groups are read for processes: any has them all. */
  readonly #processes: string;
  readonly #reader: CgroupMetricsReader;

  constructor(cgroups: Pick<Cgroups, "version" | "directories">) {
    const roots = cgroups.directories("/");
    const [first = ""] = roots.values();
    this.#processes = (roots.get("pids") ?? first).replace(/\/$/, "");
    this.#reader = new CgroupMetricsReader(cgroups);
  }

  /** @throws {Fault} deadline or cancelled */
  async containers(
    targets: readonly MetricsTarget<Id>[],
    signal: AbortSignal,
  ): Promise<Map<Id, LiveReading>> {
    const readings = new Map<Id, LiveReading>();
    const open: { readonly pids: readonly number[]; readonly count: Counts }[] = [];
    await eachInTurn(targets, signal, ({ id, cgroup, init }) => {
      const read = this.#reader.read(cgroup);
      if (read === undefined) return;
      const pids = processesOf(`${this.#processes}${cgroup}`);
      const count = {
        processes: pids.length,
        fileDescriptors: 0,
        sockets: 0,
        maxOpenFiles: maxOpenFiles(init),
      };
      readings.set(id, { cgroup: read, processes: count });
      open.push({ pids, count });
    });
    await eachInTurn(openFiles(open), signal, ({ pid, name, count }) => {
      const socket = isSocket(pid, name);
      if (socket === undefined) return;
      count.fileDescriptors++;
      if (socket) count.sockets++;
    });
    return readings;
  }

  /** How many processes of a group were killed for want of memory; undefined when the group is gone. */
  oomKills(cgroup: string): number | undefined {
    return this.#reader.oomKills(cgroup);
  }
}

type Counts = Record<"fileDescriptors" | "sockets", number>;

/** Each open file by itself: a process may have ten thousand, which no turn may wait for. */
function* openFiles(
  open: readonly { readonly pids: readonly number[]; readonly count: Counts }[],
): Iterable<{ readonly pid: number; readonly name: string; readonly count: Counts }> {
  for (const { pids, count } of open)
    for (const pid of pids) for (const name of descriptorsOf(pid)) yield { pid, name, count };
}
