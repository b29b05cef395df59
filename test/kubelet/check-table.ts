import { setTimeout as sleep } from "node:timers/promises";

/** What was looked for, and what was seen. */
interface Row {
  readonly what: string;
  readonly passed: boolean;
  readonly seen: string;
}

/** The checks of one run, told as they are made and listed at the end. */
export class CheckTable {
  readonly #rows: Row[] = [];

  /** Looks until `look` says what it saw, without throwing, or the time is over. */
  async eventually(what: string, withinMs: number, look: () => Promise<string> | string): Promise<void> {
    const until = Date.now() + withinMs;
    for (;;) {
      try {
        return this.#add({ what, passed: true, seen: await look() });
      } catch (error) {
        if (Date.now() > until)
          return this.#add({
            what,
            passed: false,
            seen: error instanceof Error ? error.message : String(error),
          });
      }
      await sleep(500);
    }
  }

  #add(row: Row): void {
    this.#rows.push(row);
    const seen = row.passed ? short(row.seen) : row.seen;
    process.stdout.write(`${row.passed ? "ok    " : "FAILED"}  ${row.what}: ${seen}\n`);
  }

  get failed(): number {
    return this.#rows.filter(({ passed }) => !passed).length;
  }

  /** As Markdown. */
  toString(): string {
    const rows = this.#rows.map(
      ({ what, passed, seen }) =>
        `| ${what} | ${passed ? "ok" : "**failed**"} | ${short(seen).replaceAll("|", "\\|")} |`,
    );
    return ["| looked for | | seen |", "|---|---|---|", ...rows].join("\n");
  }
}

/** On one line, and no more than that. */
function short(seen: string): string {
  const line = seen.trim().replaceAll(/\s+/g, " ");
  return line.length > 160 ? `${line.slice(0, 160)}…` : line;
}

/** @throws {Error} telling what was seen, unless it is as wanted */
export function expect(isSo: boolean, seen: string): string {
  if (!isSo) throw new Error(seen);
  return seen;
}
