import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, sep } from "node:path";
import { cgroupNaming } from "../../../config/cgroup-naming.ts";
import type { Config } from "../../../config/schema.ts";
import { parseMountinfo } from "../../../linux/mountinfo.ts";
import { slicePath } from "../../../linux/slice.ts";
import type { Leak } from "./leak.ts";
import { type Records, unaccounted } from "./records.ts";

/** Where a kubelet puts pods, by cgroupfs and by systemd. */
const kubeletParents = ["/kubepods", "/kubepods.slice"];

/** Control groups of pods and containers that are over, in every hierarchy, with the processes in them. */
export function leakedCgroups(config: Config, records: Records): Leak[] {
  const own = ownParent(config);
  // Elsewhere than below berth's own parent, only names that no other runtime on this node gives.
  const below = /(?:^|[-_])([0-9a-f]{64})(?:\.|$)/;
  const elsewhere = new RegExp(`^(?:berth|${cgroupNaming(config).owner})-([0-9a-f]{64})`);
  return hierarchies().flatMap((hierarchy) =>
    [...parentsOf(config)].flatMap((parent) =>
      leakedBelow(hierarchy, parent, parent === own ? below : elsewhere, records),
    ),
  );
}

/** The group below which berth puts pods that name none, as a path from the root of the hierarchies. */
export function ownParent({ cgroup }: Config): string {
  return cgroup.driver === "systemd" ? slicePath(cgroup.parent) : join("/", cgroup.parent);
}

/** Every group below which pods' groups may be. */
export function parentsOf(config: Config): ReadonlySet<string> {
  return new Set([ownParent(config), ...kubeletParents]);
}

/** Where the hierarchies are mounted: each of v1, or the one of v2. */
export function hierarchies(): string[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo"))
    .filter(({ type }) => type === "cgroup" || type === "cgroup2")
    .map(({ target }) => target);
}

/** @param named finds the id in a group's name */
function leakedBelow(hierarchy: string, cgroup: string, named: RegExp, records: Records): Leak[] {
  return groupsIn(join(hierarchy, cgroup)).flatMap((name) => {
    const path = join(cgroup, name);
    const [, id] = named.exec(name) ?? [];
    const why = id === undefined ? undefined : whyOver(records, id);
    if (why === undefined) return leakedBelow(hierarchy, path, named, records);
    const where = join(hierarchy, path);
    const pids = processesIn(where);
    const holds = pids.length === 0 ? "" : ` (holds pid ${pids.slice(0, 8).join(", ")})`;
    return [{ what: "cgroup", where, why: `${why}${holds}`, remedy: removalOf(where, pids) }];
  });
}

/** The commands that kill what is in a group and remove it; a slice or scope is systemd's to remove. */
export function removalOf(where: string, pids: readonly string[]): string {
  if (isUnit(where)) return `systemctl stop ${basename(where)}`;
  const kill = pids.length === 0 ? "" : `kill -9 ${pids.join(" ")}; `;
  return `${kill}find ${where} -depth -type d -delete`;
}

function isUnit(where: string): boolean {
  return /\.(slice|scope)$/.test(where) && existsSync("/run/systemd/system");
}

/** A group may stay while its container is kept: what counts then is that no process runs in it (see processes). */
function whyOver(records: Records, id: string): string | undefined {
  return unaccounted(records, id, "recorded");
}

export function groupsIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // Not there, or gone meanwhile: another process may remove groups at any time.
    return [];
  }
}

export function processesIn(directory: string): string[] {
  const below = groupsIn(directory).flatMap((name) => processesIn(`${directory}${sep}${name}`));
  try {
    const own = readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n");
    return [...own.filter((pid) => pid !== ""), ...below];
  } catch {
    return below;
  }
}
