import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { formatNumbers, numbersOf } from "../../base/number-list.ts";
import { errnoOf, systemFault } from "../libc.ts";

const balance = "cpuset.sched_load_balance";
const exclusive = "cpuset.cpus.exclusive";
const partition = "cpuset.cpus.partition";

/**
 * Takes a cgroup's processors out of the scheduler's balancing (kernel: admin-guide/cgroup-v1/cpusets.rst, section 1.7;
 * admin-guide/cgroup-v2.rst, cpuset). With v2 it becomes a partition, for which all groups above keep the processors for it. With
 * v1 somebody else has to have ended the balancing of those above.
 *
 * @param directory of the group, in the hierarchy that has cpusets
 * @throws {Fault} unavailable for a kernel that can't; wrongState with what the kernel has against it
 */
export async function isolate(directory: string, processors: string): Promise<void> {
  try {
    if (existsSync(join(directory, balance))) return await writeFile(join(directory, balance), "0");
    if (!existsSync(join(directory, exclusive)))
      throw new Fault("unavailable", `there is no ${exclusive} in ${directory}`, {
        hint: "balancing ends for single containers with cgroup v1, or from Linux 6.7 on",
      });
    for (const group of groupsTo(directory))
      await change(join(group, exclusive), (set) => add(set, processors));
    await writeFile(join(directory, partition), "isolated");
  } catch (error) {
    throw systemFault(`taking processors ${processors} out of balancing`, error);
  }
  const state = (await readFile(join(directory, partition), "latin1")).trim();
  if (state === "isolated") return;
  throw new Fault("wrongState", `the kernel does not isolate the processors ${processors}: ${state}`);
}

/** The opposite, whatever of the groups is left. With v1 it goes with the group. */
export async function unite(directory: string, processors: string): Promise<void> {
  await whereThere(
    () => existsSync(join(directory, partition)) && writeFile(join(directory, partition), "member"),
  );
  for (const group of groupsTo(directory).toReversed())
    await whereThere(() => change(join(group, exclusive), (set) => remove(set, processors)));
}

/** The group and those above it but for the root, the uppermost first. */
function groupsTo(directory: string): string[] {
  const groups: string[] = [];
  for (let group = directory; group !== "/"; group = dirname(group)) groups.push(group);
  return groups.filter((group) => existsSync(join(group, exclusive)) || group === directory).toReversed();
}

async function change(file: string, next: (set: ReadonlySet<number>) => Iterable<number>): Promise<void> {
  const before = (await readFile(file, "latin1")).trim();
  const after = formatNumbers(next(new Set(numbersOf(before) ?? [])));
  // an empty text is not written at all
  if (after !== before) await writeFile(file, after || "\n");
}

function add(set: ReadonlySet<number>, processors: string): Iterable<number> {
  return new Set([...set, ...(numbersOf(processors) ?? [])]);
}

function remove(set: ReadonlySet<number>, processors: string): Iterable<number> {
  const gone = new Set(numbersOf(processors));
  return [...set].filter((processor) => !gone.has(processor));
}

async function whereThere(act: () => unknown): Promise<void> {
  try {
    await act();
  } catch (error) {
    const code = errnoOf(error);
    if (code !== "ENOENT" && code !== "ENODEV") throw error;
  }
}
