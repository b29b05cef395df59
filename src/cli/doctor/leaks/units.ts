import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { cgroupNaming } from "../../../config/cgroup-naming.ts";
import type { Config } from "../../../config/schema.ts";
import { slicePath } from "../../../linux/slice.ts";
import { runProgram } from "../run-program.ts";
import { hierarchies, parentsOf } from "./cgroups.ts";
import type { Leak } from "./leak.ts";
import { type Records, unaccounted } from "./records.ts";

/** A slice or scope as `systemctl show` tells it. */
interface Unit {
  readonly name: string;
  /** The slice it is in. */
  readonly slice: string;
  readonly state: string;
}

/**
 * systemd's units of pods and containers that are over, as far as they have no cgroup: those that have are found by it. Such
 * a unit has failed, or systemd missed its end.
 */
export async function leakedUnits(config: Config, records: Records): Promise<Leak[]> {
  if (!existsSync("/run/systemd/system")) return [];
  const own = basename(config.cgroup.parent, ".slice");
  const { owner } = cgroupNaming(config);
  const patterns = [...new Set([`berth-*.scope`, `${owner}-*.scope`, `${own}-*.slice`])];
  const { code, output } = await runProgram("systemctl", [
    ...["show", "--all", "--property=Id,Slice,ActiveState", "--"],
    ...patterns,
  ]);
  return code === 0 ? parseUnits(output).flatMap((unit) => leakOf(unit, config, records)) : [];
}

/** Blocks of `Name=value` with an empty line between them. */
export function parseUnits(shown: string): Unit[] {
  return shown.split(/\n\n+/).flatMap((block) => {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1] ?? "";
    const name = value("Id");
    return name === "" ? [] : [{ name, slice: value("Slice"), state: value("ActiveState") }];
  });
}

function leakOf({ name, slice, state }: Unit, config: Config, records: Records): Leak[] {
  const id = /-([0-9a-f]{64})\.(?:scope|slice)$/.exec(name)?.[1];
  const why = id === undefined ? undefined : unaccounted(records, id, "live");
  if (why === undefined || slice === "") return [];
  const path = slicePath(slice);
  // Another daemon's, with a parent of its own, are not this one's to judge.
  if (![...parentsOf(config)].some((parent) => `${path}/`.startsWith(`${parent}/`))) return [];
  if (hierarchies().some((hierarchy) => existsSync(join(hierarchy, path, name)))) return [];
  const remedy = `systemctl stop ${name}; systemctl reset-failed ${name}`;
  return [{ what: "unit", where: name, why: `${why} (systemd has it as ${state})`, remedy }];
}
