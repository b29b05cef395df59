import type { Bytes } from "../../base/units.ts";
import { table } from "../output/table.ts";
import { shortId, size } from "../output/units.ts";
import type { Figures } from "./figures.ts";

/** By what the rows are sorted: names from the first, figures from the largest. */
export type SortBy = "name" | "cpu" | "memory" | "disk";
export const sortColumns: readonly SortBy[] = ["name", "cpu", "memory", "disk"];

const figureOf: Readonly<Record<Exclude<SortBy, "name">, (figures: Figures) => number | undefined>> = {
  cpu: ({ cores }) => cores,
  memory: ({ memory }) => memory,
  disk: ({ disk }) => disk,
};

export function sorted(figures: readonly Figures[], by: SortBy): Figures[] {
  const byName = figures.toSorted(
    (one, other) => one.name.localeCompare(other.name) || one.id.localeCompare(other.id),
  );
  if (by === "name") return byName;
  const figure = figureOf[by];
  return byName.sort((one, other) => (figure(other) ?? -1) - (figure(one) ?? -1));
}

/** `places` says where each container is: the names of its pod and namespace. */
export function containerStatsTable(
  figures: readonly Figures[],
  places: ReadonlyMap<string, string>,
  whole: boolean,
): string {
  return table(
    ["CONTAINER", "NAME", "POD", "CPU %", "MEM", "LIMIT", "DISK", "INODES", "SWAP"],
    figures.map((one) => [
      whole ? one.id : shortId(one.id),
      one.name,
      places.get(one.id) ?? "",
      percent(one.cores),
      bytes(one.memory),
      bytes(one.memoryLimit),
      bytes(one.disk),
      count(one.inodes),
      bytes(one.swap),
    ]),
  );
}

/** `places` says in which namespace each pod is. */
export function podStatsTable(
  figures: readonly Figures[],
  places: ReadonlyMap<string, string>,
  whole: boolean,
): string {
  return table(
    ["POD ID", "POD", "NAMESPACE", "CPU %", "MEM", "DISK", "INODES", "NET IN", "NET OUT", "PROCESSES"],
    figures.map((one) => [
      whole ? one.id : shortId(one.id),
      one.name,
      places.get(one.id) ?? "",
      percent(one.cores),
      bytes(one.memory),
      bytes(one.disk),
      count(one.inodes),
      bytes(one.received),
      bytes(one.sent),
      count(one.processes),
    ]),
  );
}

function percent(cores: number | undefined): string {
  return cores === undefined ? "-" : (cores * 100).toFixed(2);
}

function bytes(value: Bytes | undefined): string {
  return value === undefined ? "-" : size(value);
}

function count(value: number | undefined): string {
  return value === undefined ? "-" : String(value);
}
