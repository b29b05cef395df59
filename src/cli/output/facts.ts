import { table } from "./table.ts";

/** Name and value in two columns, values that are empty left out. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): string {
  const [first = ["", ""], ...rest] = rows.filter(([, value]) => value.trim() !== "");
  return table(first, rest);
}

/** A row for each label or annotation, in the order of their names. */
export function mapFacts(
  name: string,
  map: Readonly<Record<string, string>>,
): (readonly [name: string, value: string])[] {
  return Object.entries(map)
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([key, value]) => [name, `${key}=${value}`] as const);
}
