import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { quantile } from "./figures.ts";

/** What a subject is, in a file of results. */
export interface MeasuredSubject {
  readonly name: string;
  readonly isBerth: boolean;
  readonly version: string;
}

interface ResultFile {
  readonly machine: string;
  readonly subjects: readonly MeasuredSubject[];
  /** By figure, then by the subject's name. */
  readonly readings: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

/** All readings of a benchmark, as they were read, by figure and subject. */
export class Results {
  readonly machine: string;
  readonly #subjects = new Map<string, MeasuredSubject>();
  readonly #readings = new Map<string, Map<string, number[]>>();

  constructor(machine = thisMachine()) {
    this.machine = machine;
  }

  /** Joins what was written by several runs: the readings of one figure are taken together. */
  static read(files: readonly string[]): Results {
    const parsed = files.map((file) => JSON.parse(readFileSync(file, "utf8")) as ResultFile);
    const results = new Results(parsed[0]?.machine);
    for (const { subjects, readings } of parsed) {
      for (const subject of subjects) results.know(subject);
      for (const [figure, bySubject] of Object.entries(readings))
        for (const [subject, values] of Object.entries(bySubject))
          for (const value of values) results.add(figure, subject, value);
    }
    return results;
  }

  know({ name, isBerth, version }: MeasuredSubject): void {
    this.#subjects.set(name, { name, isBerth, version });
  }

  get subjects(): readonly MeasuredSubject[] {
    return [...this.#subjects.values()];
  }

  add(figure: string, subject: string, value: number): void {
    const bySubject = this.#readings.get(figure) ?? new Map<string, number[]>();
    this.#readings.set(figure, bySubject);
    const values = bySubject.get(subject);
    if (values === undefined) bySubject.set(subject, [value]);
    else values.push(value);
  }

  /** Whether anybody has a reading of it. */
  has(figure: string): boolean {
    return this.#readings.has(figure);
  }

  /** The value below which `share` (0 to 1) of the readings lie. Undefined: there are none. */
  at(figure: string, subject: string, share: number): number | undefined {
    const values = this.#readings.get(figure)?.get(subject);
    return values === undefined ? undefined : quantile(values, share);
  }

  count(figure: string, subject: string): number {
    return this.#readings.get(figure)?.get(subject)?.length ?? 0;
  }

  write(path: string): void {
    const readings = Object.fromEntries(
      [...this.#readings].map(([figure, bySubject]) => [figure, Object.fromEntries(bySubject)]),
    );
    const file: ResultFile = { machine: this.machine, subjects: this.subjects, readings };
    writeFileSync(path, `${JSON.stringify(file)}\n`);
  }
}

function thisMachine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split("-", 1)[0]}`;
}
