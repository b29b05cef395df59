import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import { leakedCgroups } from "./cgroups.ts";
import { leakedDirectories } from "./directories.ts";
import type { Leak } from "./leak.ts";
import { leakedMounts } from "./mounts.ts";
import { leakedNetwork } from "./network.ts";
import { leakedPassing } from "./passing.ts";
import { leakedProcesses } from "./processes.ts";
import { type Owner, type Records, readRecords, united } from "./records.ts";
import { leakedStorage } from "./storage.ts";
import { leakedUnits } from "./units.ts";

/** What each looks at; the order is the one in which leaks are best removed. */
const looks: readonly ((config: Config, records: Records) => Leak[] | Promise<Leak[]>)[] = [
  leakedProcesses,
  leakedCgroups,
  leakedUnits,
  leakedMounts,
  leakedNetwork,
  leakedStorage,
  leakedDirectories,
  leakedPassing,
];

/**
 * Compares the records with the host. The records are read before and after: what was recorded at either time may
 * have been there between.
 */
export async function findLeaks(config: Config): Promise<Leak[]> {
  const { database } = pathsOf(config);
  const before = readRecords(database);
  const suspects = await lookAll(config, before);
  if (suspects.length === 0) return [...strandedOf(before), ...orphansOf(before)];
  const records = united(before, readRecords(database));
  return [...strandedOf(records), ...orphansOf(records), ...(await lookAll(config, records))];
}

async function lookAll(config: Config, records: Records): Promise<Leak[]> {
  const found = await Promise.all(looks.map((look) => look(config, records)));
  return found.flat();
}

/** What berth itself knows that it could not take away. */
function strandedOf({ owners }: Records): Leak[] {
  return [...owners.values()]
    .filter((owner): owner is Owner & { stranded: string } => owner.stranded !== undefined)
    .map(({ kind, id, stranded }) => ({
      what: "record",
      where: `${kind} ${id}`,
      why: `undoing its step "${stranded}" failed; the daemon tries again`,
      remedy: `berth rm -f ${id}`,
    }));
}

/** Containers whose pod has no record: nothing stops or removes them but by their own id. */
function orphansOf({ owners }: Records): Leak[] {
  return [...owners.values()].flatMap(({ kind, id, podId }) =>
    podId === undefined || owners.has(podId)
      ? []
      : [
          {
            what: "record",
            where: `${kind} ${id}`,
            why: `there is no record of its pod ${podId}`,
            remedy: `berth rm -f ${id}`,
          },
        ],
  );
}
