import { readFileSync, writeFileSync } from "node:fs";

/** Readings by name, in the order in which the names first came. */
export class Readings {
  readonly #values = new Map<string, number[]>();

  add(name: string, value: number): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  /** The value below which `share` (0 to 1) of the readings lie. */
  at(name: string, share: number): number {
    return quantile(this.#values.get(name) ?? [], share);
  }

  /** Markdown: a row a name, with its p10 (a busy machine's quiet moments), p50 and p99 in milliseconds. */
  table(): string {
    const rows = [...this.#values.keys()].map((name) => [
      name,
      ...[0.1, 0.5, 0.99].map((at) => ms(this.at(name, at))),
    ]);
    return markdown([["ms", "p10", "p50", "p99"], ...rows]);
  }
}

/** The value below which `share` (0 to 1) of the values lie. NaN when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** A table in Markdown, its first row the heading, with aligned columns. */
export function markdown(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...rest] = rows;
  const widths = heading.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const ruler = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(heading), ruler, ...rest.map(line)].join("\n");
}

/** The memory of a process in MB: its private pages, and its share of those that several have (proc(5), smaps_rollup). */
export function pssOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}

/** What of the memory of a process is its own alone and no file's, in MB: what its end would give back at once. */
export function privateOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Private_Dirty:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}

/** Watches, from now on, how far the memory of a process grows at most, in MB (proc(5), clear_refs and VmHWM). */
export function peakMemory(pid: number): { grown(): number } {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const read = (key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) /
    1024;
  const before = read("VmRSS");
  return { grown: () => Math.max(0, read("VmHWM") - before) };
}

/** The CPU time that a process has taken, in milliseconds (proc(5), stat; 100 ticks a second on Linux). */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
