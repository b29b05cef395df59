import { constants } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import { type CgroupHierarchies, unified } from "./cgroup-hierarchies.ts";
import { errnoOf, systemFault } from "./libc.ts";

const askEveryMs = 1;

/** The files that freeze a group (kernel: cgroup-v1/freezer-subsystem, cgroup-v2), and how they are written and read. */
interface Freezer {
  readonly file: string;
  readonly frozen: string;
  readonly thawed: string;
  isFrozen(): Promise<boolean>;
}

/**
 * Stops every process in the group and below, until it is thawed; waits until none of them runs.
 *
 * @throws {Fault} unavailable where there is no freezer; notFound; as the signal says: the group is thawed then
 */
export async function freezeCgroup(
  hierarchies: CgroupHierarchies,
  cgroup: string,
  signal: AbortSignal,
): Promise<void> {
  const freezer = freezerOf(hierarchies, cgroup);
  if (freezer === undefined) throw new Fault("unavailable", "this host has no freezer for cgroups mounted");
  await write(freezer.file, freezer.frozen);
  try {
    while (!(await freezer.isFrozen())) {
      throwIfEnded(signal, `freezing cgroup ${cgroup}`);
      await sleep(askEveryMs);
    }
  } catch (error) {
    await thawCgroup(hierarchies, cgroup);
    throw error;
  }
}

/** Lets the processes go on. Succeeds when they do, or the group is gone. */
export async function thawCgroup(hierarchies: CgroupHierarchies, cgroup: string): Promise<void> {
  const freezer = freezerOf(hierarchies, cgroup);
  if (freezer === undefined) return;
  await write(freezer.file, freezer.thawed).catch((error: unknown) => {
    if (!(error instanceof Fault && error.kind === "notFound")) throw error;
  });
}

function freezerOf({ version, mounts }: CgroupHierarchies, cgroup: string): Freezer | undefined {
  const mount = mounts.get(version === 2 ? unified : "freezer");
  if (mount === undefined) return undefined;
  const directory = posix.join(mount, cgroup);
  if (version === 2) {
    const events = posix.join(directory, "cgroup.events");
    return {
      file: posix.join(directory, "cgroup.freeze"),
      frozen: "1",
      thawed: "0",
      isFrozen: async () => /^frozen 1$/m.test(await readFile(events, "latin1")),
    };
  }
  const file = posix.join(directory, "freezer.state");
  return {
    file,
    frozen: "FROZEN",
    thawed: "THAWED",
    isFrozen: async () => (await readFile(file, "latin1")).trim() === "FROZEN",
  };
}

async function write(file: string, value: string): Promise<void> {
  try {
    await writeFile(file, value, { flag: constants.O_WRONLY });
  } catch (error) {
    // a group that goes away while it is written to
    if (errnoOf(error) === "ENODEV") throw new Fault("notFound", `${file} is gone`, { cause: error });
    throw systemFault(`writing ${value} to ${file}`, error);
  }
}
